"""From contents to one page: the template, its style and its script, and nothing from outside."""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

SCRIPTS = ("tape.js", "predict.js", "words.js", "chart.js", "form.js")
"""Parts of the page's script, each of which uses only those before it."""

TAG, IDS = re.compile("<[^>]*>"), re.compile(r'(\bid="|href="#|url\(#)')
"""What stands between texts, and where in it an element is named."""


def render(content: Mapping[str, Any]) -> str:
    """Fill the template.

    Parameters
    ----------
    content : mapping
        What the template names. Texts are escaped, whatever they hold.

    Returns
    -------
    str
        A whole HTML page.
    """
    import jinja2  # noqa: PLC0415 - loads when a report is asked for
    from markupsafe import Markup  # noqa: PLC0415 - comes with it

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "\n".join(['"use strict";', *map(_part, SCRIPTS)])
    script = f"(() => {{\n{script}\n}})();\n"
    environment.filters["safe_json"] = lambda text: Markup(_harmless(text))  # noqa: S704
    template = environment.get_template("report.html.jinja")
    # The page's own parts are no user's text; all else is escaped.
    own = {"script": Markup(script), "style": Markup(_part("report.css"))}  # noqa: S704
    return template.render(**content, **own, digest=_digest(script))


def drawing(svg: str, name: str) -> Any:
    """A drawing that may stand in a page as it is, with ids that no other one has.

    Parameters
    ----------
    svg : str
        As matplotlib writes it; its texts are escaped there.
    name : str
        Unlike that of other drawings.

    Returns
    -------
    Markup
    """
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja2

    inside = svg[svg.index("<svg") :]
    # A name of a run may hold id="x"; in attributes quotes are escaped, and so is every > in both.
    inside = TAG.sub(lambda tag: IDS.sub(rf"\g<1>{name}-", tag[0]), inside)
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
    inside = inside.replace("<svg ", '<svg aria-hidden="true" ', 1)
    return Markup(inside)  # noqa: S704


def _harmless(json: str) -> str:
    """JSON that may stand inside a page: nothing in it can end the element that holds it."""
    for sign in "<>&\u2028\u2029":
        json = json.replace(sign, f"\\u{ord(sign):04x}")
    return json


def _part(name: str) -> str:
    return resources.files("p2law.report").joinpath("page", name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """The script's fingerprint: no other script on the page may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
