"""A law is declared by its signature, and a contradiction is named."""

import pickle
from typing import Annotated

import numpy as np
import pytest

import p2law
from p2law.declaring import Domain, form
from p2law.errors import FormError
from p2law.testing.formulas import evaluate


def test_signature_is_the_declaration():
    """
    Positional arguments become inputs, keyword-only ones coefficients, with all they carry.
    """
    law = p2law.forms.token_power

    assert ("tokens",) == law.columns
    assert ("floor", "scale", "beta") == law.names
    assert ("floor", "scale") == law.linear
    assert "D" == law.inputs[0].symbol
    assert "nat token^beta" == law.coefficient("scale").bounds.unit
    assert 0.4 == law.coefficient("beta").start


def test_a_form_can_still_be_called_like_its_function():
    """
    Declaring a law does not take the function away, nor its name and docstring.
    """
    law = p2law.forms.token_power

    assert 2.3 == law(100.0, floor=2.0, scale=3.0, beta=0.5)
    assert "token_power" == law.__name__
    assert law.__doc__.startswith("The smallest law")


def test_arguments_without_annotations_take_any_number():
    """
    A law may be written with no annotation at all.
    """

    @form()
    def line(x, *, a=1.0, b=0.0):
        return a * x + b

    assert line.inputs[0].domain.contains(np.array([-1e9, 0.0, 1e9])).all()
    assert -np.inf == line.coefficient("a").bounds.least


def test_annotations_may_be_postponed_strings():
    """
    Annotations that a module keeps as text are resolved.
    """
    scope = {"form": form, "Annotated": Annotated, "Domain": Domain}
    code = (
        "from __future__ import annotations\n"
        "@form()\n"
        "def law(x: Annotated[float, Domain('> 0')], *, a=1.0):\n"
        "    return a * x\n"
    )
    exec(compile(code, "cell", "exec"), scope)  # noqa: S102 - as a notebook cell would

    assert "> 0" == scope["law"].inputs[0].domain.rule


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        ("> 0", [1e-300, 5], [0, -1, np.inf, np.nan]),
        (">= 0", [0, 5], [-1e-300]),
        ("< 1", [0.99, -7], [1]),
        ("<= 1", [1], [1.01]),
        ("(0, 1)", [0.5], [0, 1]),
        ("[0, 1)", [0, 0.5], [1, -0.1]),
        ("(0, 1]", [1], [0]),
        ("", [-5, 0, 5], [np.nan, np.inf]),
    ],
)
def test_domains_say_where_a_law_has_a_value(rule, inside, outside):
    """
    Open and closed ends are told apart, and nothing infinite is ever inside.
    """
    domain = Domain(rule)

    assert domain.contains(np.array(inside, dtype=float)).all()
    assert not domain.contains(np.array(outside, dtype=float)).any()


@pytest.mark.parametrize(
    "rule", ["> 3", ">= 3", "< 3", "<= 3", "(2, 3)", "[2, 3]", "(2, 3]", "> 0"]
)
def test_the_least_and_the_greatest_number_of_a_domain_lie_in_it(rule):
    """
    The next beyond them do not; where there is no such number, they are infinite.
    """
    domain = Domain(rule)

    for end, way in ((domain.least, -np.inf), (domain.most, np.inf)):
        if end != way:
            assert domain.contains(np.array([end])).all()
            assert not domain.contains(np.array([np.nextafter(end, way)])).any()
    assert ("<" in rule, ">" in rule) == (np.isinf(domain.least), np.isinf(domain.most))


@pytest.mark.parametrize("rule", ["0..1", "positive", "> a", "[0, 1", 3, None])
def test_a_domain_that_cannot_be_read_is_refused(rule):
    """
    A rule that is no rule is quoted, with examples of good ones.
    """
    with pytest.raises(FormError, match=r"cannot read the domain .*write for instance '> 0'"):
        Domain(rule)


def wrong_default_on_linear(x, *, a=1.0):
    return a * x


def wrong_start(x, *, a: Annotated[float, p2law.Bounds(2, 3)] = 0.5):
    return a * x


def wrong_bounds(x, *, a: Annotated[float, p2law.Bounds(3, 2)] = 2.5):
    return a * x


def wrong_linear_bounds(x, *, a: Annotated[float, p2law.Bounds(1, 2)]):
    return a * x


def wrong_log(x, *, a: Annotated[float, p2law.Bounds(0, 2, log=True)] = 1.0):
    return a * x


def wrong_star(*x, a=1.0):
    return a * x[0]


def wrong_no_coefficient(x):
    return x


def wrong_annotation(x: "NoSuchThing", *, a=1.0):  # noqa: F821 - that is the point
    return a * x


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (wrong_default_on_linear, {"linear": ("a",)}, "a is linear.*remove its default 1.0"),
        (wrong_start, {}, "the start a = 0.5 lies outside its bounds 2..3"),
        (wrong_bounds, {}, "a has bounds 3..2, which hold nothing"),
        (wrong_linear_bounds, {"linear": ("a",)}, "a is linear and may have a sign"),
        (wrong_log, {}, "a is on a logarithmic scale, so its lower bound must be above 0"),
        (wrong_star, {}, r"\*x hides what the law reads"),
        (wrong_no_coefficient, {}, "at least one positional argument .* put a \\* between them"),
        (wrong_annotation, {}, "an annotation cannot be resolved"),
        (wrong_default_on_linear, {"linear": ("b",)}, "linear names b, which is no keyword-only"),
        (wrong_default_on_linear, {"rescales": ("y",)}, r"rescales names \['y'\]"),
    ],
)
def test_contradictions_in_a_declaration_are_named(function, options, words):
    """
    What contradicts itself is refused where it is declared, naming law and argument.
    """
    with pytest.raises(FormError, match=words) as error:
        form(**options)(function)

    assert function.__name__ in str(error.value)


def test_forgotten_parentheses_are_named():
    """
    @form without parentheses is answered with how to write it.
    """
    with pytest.raises(FormError, match=r"write @form\(\) with parentheses"):
        form(wrong_no_coefficient)


def test_unknown_coefficients_are_answered_with_the_known_ones():
    """
    Asking a law for a coefficient it lacks lists those it has.
    """
    with pytest.raises(
        FormError, match="token_power has no coefficient 'gama'; it has floor, scale, beta"
    ):
        p2law.forms.token_power.coefficient("gama")


def test_forms_are_frozen():
    """
    A law cannot be changed after it is declared.
    """
    with pytest.raises(AttributeError, match="cannot assign to field 'name'"):
        p2law.forms.p2.name = "p3"


def test_built_in_forms_survive_pickling():
    """
    A law can be sent to another process.
    """
    assert pickle.loads(pickle.dumps(p2law.forms.p2)) is p2law.forms.p2  # noqa: S301


def law(x, *, a, b=1.0):
    return a * x**b


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"linear": None}, r"linear names arguments, as \('scale',\), got None"),
        ({"rescales": 3}, r"rescales names arguments, .* got 3 \(int\)"),
        ({"target": 3}, r"target is a text, got 3 \(int\)"),
        ({"formula": 3}, r"formula is a text, got 3 \(int\)"),
        ({"derivatives": 3}, r"derivatives is a function .* got 3 \(int\)"),
        ({"published": 3}, r"published holds Published coefficients, got 3 \(int\)"),
        ({"published": ({"a": 1},)}, "published holds Published coefficients"),
    ],
    ids=str,
)
def test_options_of_the_wrong_kind_are_refused(options, words):
    """
    Each is named, with what it is and what belongs there.
    """
    with pytest.raises(FormError, match=words):
        p2law.form(**options)(law)


def test_one_name_may_stand_alone():
    """
    A text is one name, not its letters.
    """
    made = p2law.form(linear="a", rescales=["x"])(law)

    assert ("a",) == made.linear
    assert ("x",) == made.rescales


@pytest.mark.parametrize("function", [3, int, "law"])
def test_only_functions_are_laws(function):
    """
    A class or a number is none.
    """
    with pytest.raises(FormError, match="a law is a function of columns and coefficients, got"):
        p2law.form()(function)


@pytest.mark.parametrize("default", ["s", None, True, [1.0]])
def test_a_default_is_a_number(default):
    """
    It is where a search starts.
    """

    def odd(x, *, a=default):
        return a * x

    with pytest.raises(FormError, match="the default of a is the number where a search starts"):
        p2law.form()(odd)


@pytest.mark.parametrize("bounds", [("a", None), (0, "b"), (float("nan"), 1), (True, None)])
def test_bounds_are_numbers(bounds):
    """
    Or None, where there is none.
    """
    with pytest.raises(FormError, match="bounds are numbers or None, got"):
        p2law.Bounds(*bounds)


def test_numbers_that_no_float_holds_are_no_bounds():
    """
    Whole numbers have no end.
    """
    with pytest.raises(FormError, match="bounds are numbers or None, got"):
        p2law.Bounds(0, 10**400)
    with pytest.raises(FormError, match="unit of bounds is a text, got 3"):
        p2law.Bounds(0, 1, 3)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("L = " + "(" * 500 + "a" + ")" * 500, "too many nested parentheses|MemoryError"),
        ("L = a\x00", "null bytes"),
        ("L = min(a)", r"min takes 2 values, min\(a\) has 1"),
        ("L = min(a, 1, a)", r"min takes 2 values, min\(a, 1, a\) has 3"),
        ("L = exp(a, out=a)", "which is no arithmetic"),
        ("L = a.__class__", "which is no arithmetic"),
        ("L = 1" + "0" * 400, "cannot read the formula"),
    ],
)
def test_formulas_that_cannot_be_read_are_refused_in_words(formula, words):
    """
    Whatever stands in them.
    """
    with pytest.raises(FormError, match=words):
        evaluate(formula, {"a": 1.0})


def test_a_tower_of_powers_is_no_endless_work():
    """
    Whole numbers are floats here, so that 9^9^9^9^9 is soon infinite.
    """
    assert evaluate("L = 9^9^9^9^9", {}) == np.inf


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda x, a: a if x > a else 0, "its function raises ValueError.*np.where"),
        (lambda x, a: {}[x[0] + a], "its function raises KeyError"),
        (lambda *_: "x", "its function gives .*it must give numbers"),
        (lambda *_: 2 + 0j, "its function gives complex numbers; it must give real ones"),
        (lambda *_: None, "its function gives None .*it must give numbers"),
    ],
)
def test_a_function_that_fails_is_named_by_the_check(body, words):
    """
    With what it raised, and how to write it.
    """

    @form()
    def broken(x: Annotated[float, Domain("> 0")], *, a: Annotated[float, p2law.Bounds(0, 1)]):
        return body(x, a)

    with pytest.raises(FormError, match=words):
        p2law.testing.check_form(broken)


def test_a_law_that_overflows_beside_its_start_warns_nobody():
    """
    Its slopes are compared with differences, which may leave the range of floats.
    """

    @form(linear=("a",))
    def steep(x: Annotated[float, Domain("> 0")], *, a: Annotated[float, p2law.Bounds()], b: float):
        return a * np.exp(b * x * 1e9)

    with pytest.raises(FormError, match="steep"):
        p2law.testing.check_form(steep)
