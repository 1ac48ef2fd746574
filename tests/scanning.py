"""What code must not do, found in its syntax tree: running data, a shell, and strangers' code."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PICKLES = {"pickle", "_pickle", "dill", "cloudpickle", "jsonpickle", "marshal", "shelve"}
NETWORK = {"urllib.request", "http.client", "requests", "httpx", "aiohttp", "ftplib", "smtplib"}
NETWORK |= {"socket", "ssl", "urllib3", "websockets", "huggingface_hub"}
EVALUATES = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
SHELLS |= {"asyncio.create_subprocess_shell"}
STORES = {"read_pickle", "to_pickle", "read_hdf", "joblib.load", "joblib.dump"}
IMPORTS = {"importlib.import_module", "importlib.util.spec_from_file_location"}
IMPORTS |= {"runpy.run_path", "runpy.run_module", "pkgutil.resolve_name"}
TORCH = {"torch.load", "torch.serialization.load"}
UNSAID = {"", "False"}
"""An option that is not given, or said to be off."""


@dataclass(frozen=True)
class Finding:
    """A rule that a line of code breaks."""

    rule: str
    line: int
    code: str


def findings(text: str) -> list[Finding]:
    """All that a program does and must not, in the order of its lines."""
    tree = ast.parse(text)
    names = dict(_aliases(tree))
    found = {
        Finding(rule, node.lineno, ast.unparse(node))
        for node in ast.walk(tree)
        for rule, broken in RULES.items()
        if broken(node, names)
    }
    return sorted(found, key=lambda each: (each.line, each.rule, each.code))


def programs(path: Path) -> Iterator[str]:
    """Python in a file: of a script all, of a notebook its cells, of a page its blocks."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield text
    elif path.suffix == ".ipynb":
        cells = [each for each in json.loads(text)["cells"] if each["cell_type"] == "code"]
        yield "\n".join("".join(each["source"]) for each in cells)
    else:
        yield from re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)


def _aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that imports give, each with what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname, each.name) for each in node.names if each.asname)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            home = node.module
            yield from ((each.asname or each.name, f"{home}.{each.name}") for each in node.names)


def _name(node: ast.AST, names: dict[str, str]) -> str:
    """Dotted name of an expression, with aliases undone."""
    first, dot, rest = ast.unparse(node).partition(".")
    return f"{names.get(first, first)}{dot}{rest}".removeprefix("builtins.")


def _option(node: ast.Call, name: str) -> str:
    """The value of a keyword as it is written, or nothing where it is not given."""
    return next((ast.unparse(each.value) for each in node.keywords if each.arg == name), "")


def _imported(node: ast.AST) -> set[str]:
    """Modules that a statement imports."""
    if isinstance(node, ast.Import):
        return {each.name for each in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return set()


def _pickles(node: ast.AST, names: dict[str, str]) -> bool:
    """Modules whose files run code when they are read, and what reads such files."""
    if {each.split(".")[0] for each in _imported(node)} & PICKLES:
        return True
    if not isinstance(node, ast.Call):
        return False
    name = _name(node.func, names)
    stores = {name, name.rsplit(".", maxsplit=1)[-1]} & STORES
    return bool(stores) or _option(node, "allow_pickle") not in UNSAID


def _evaluates(node: ast.AST, names: dict[str, str]) -> bool:
    """Text as code, also under another name; the evaluators of pandas, but for what is written."""
    if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
        return _name(node, names) in EVALUATES
    if isinstance(node, ast.Call) and _name(node.func, names) == "getattr":
        return _name(node.args[0], names) in {"builtins", "__builtins__"}
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    given = [*node.args, *(each.value for each in node.keywords)]
    fixed = all(isinstance(each, ast.Constant) for each in given)
    return node.func.attr in {"eval", "query"} and not fixed


def _imports(node: ast.AST, names: dict[str, str]) -> bool:
    """Modules by a name that is worked out, unless it begins with p2law's own."""
    if not (isinstance(node, ast.Call) and _name(node.func, names) in IMPORTS):
        return False
    asked = node.args[0] if node.args else None
    if isinstance(asked, ast.JoinedStr):
        asked = asked.values[0]
        return not (isinstance(asked, ast.Constant) and str(asked.value).startswith("p2law."))
    return not isinstance(asked, ast.Constant)


def _shell(node: ast.AST, names: dict[str, str]) -> bool:
    """Commands that a shell reads."""
    if not isinstance(node, ast.Call):
        return False
    return _name(node.func, names) in SHELLS or _option(node, "shell") not in UNSAID


def _yaml(node: ast.AST, names: dict[str, str]) -> bool:
    """YAML that makes objects: all doors but the safe ones."""
    if not isinstance(node, ast.Call):
        return False
    name, loader = _name(node.func, names), _option(node, "Loader")
    safe = "safe" in name or loader.endswith("SafeLoader")
    return name.startswith("yaml.") and "load" in name and not safe


def _torch(node: ast.AST, names: dict[str, str]) -> bool:
    """Torch reads pickles, unless it is told to take plain values only."""
    if not (isinstance(node, ast.Call) and _name(node.func, names) in TORCH):
        return False
    return _option(node, "weights_only") != "True"


def _remote(node: ast.AST, names: dict[str, str]) -> bool:
    """Models that may bring code, or whose weights may be pickles."""
    if not isinstance(node, ast.Call):
        return False
    trust, safe = _option(node, "trust_remote_code"), _option(node, "use_safetensors")
    if not _name(node.func, names).endswith(".from_pretrained"):
        return trust not in UNSAID
    weights = not re.search(r"Tokenizer|Config|Processor", _name(node.func, names))
    return trust != "False" or (weights and safe != "True")


def _unpacks(node: ast.AST, _: dict[str, str]) -> bool:
    """Archives that may write outside of their folder."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in {"extractall", "unpack_archive"} and (
        _option(node, "filter") != "'data'"
    )


def _asks(node: ast.AST, names: dict[str, str]) -> bool:
    """Modules that speak to the network, also as a part of one that was imported."""
    if isinstance(node, ast.Attribute):
        return _name(node, names) in NETWORK
    found = _imported(node)
    return bool((found | {each.split(".")[0] for each in found}) & NETWORK)


RULES: dict[str, Callable[[ast.AST, dict[str, str]], bool]] = {
    "pickle": _pickles,
    "evaluates": _evaluates,
    "imports by name": _imports,
    "shell": _shell,
    "yaml": _yaml,
    "torch.load": _torch,
    "remote code": _remote,
    "unpacks": _unpacks,
    "network": _asks,
}
