"""Write docs/ops.md, the table of all ops: python docs/op_table.py"""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tensorgrad as tg  # noqa: E402 - from this checkout
from tensorgrad import ops  # noqa: E402

INTRODUCTION = """# Every op

Generated from the registry by `python docs/op_table.py`; a test keeps it true.

`g` is the gradient that arrives, `out` the op's result, `x_shape` the shape of `x`;
`keep` gives a reduction's g its axes back, of length 1, and `restore` spreads it over
them. A derivative stands here as it stands in the code, and it is written once: it
runs on arrays in an ordinary backward pass, and on Tensors when the gradient is
differentiated in its turn. Where an input was broadcast, the engine sums its
gradient; no formula does. "In other ops" is a plain function of ops that have
derivatives. A *fused* op runs as one kernel forward and one backward; its body, a
definition in other ops, is what both are tested against, and what higher derivatives
are taken of. Numbers are real: complex ones are refused.
"""


def main() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name in sorted({module_of(function) for function in functions().values()}):
        parts += family(sys.modules[name])
    return "\n".join(parts)


def functions() -> dict[str, Any]:
    return {name: getattr(tg, name) for name in ops.__all__}


def module_of(function: Any) -> str:
    return str(function.__module__)


def family(module: ModuleType) -> Iterator[str]:
    """One file of ops: a heading, a table, and the longer derivatives written out."""
    source = Source(module)
    title = module.__name__.rpartition(".")[2].replace("_", " ").capitalize()
    yield f"## {title}\n\n{inspect.getdoc(module)}\n"
    yield "| op | value | derivative | smooth | at kinks |\n|---|---|---|---|---|"
    for name in sorted(ops.__all__):
        function = getattr(tg, name)
        if module_of(function) == module.__name__:
            yield row(name, function, source)
    yield ""
    if written := source.written_out():
        yield f"```python\n{written}\n```\n"


def row(name: str, function: Any, source: "Source") -> str:
    op = getattr(function, "op", None)
    first_line = inspect.getdoc(function).partition("\n")[0]
    signature = f"{name}{inspect.signature(function)}"
    cells = [code(signature), text(first_line), derivative(op, source)]
    cells += [text(op.smooth), text(op.kinks)] if op else ["as its ops", ""]
    return f"| {' | '.join(cells)} |"


def derivative(op: Any, source: "Source") -> str:
    """Each input's formula, as the code has it."""
    if op is None:
        return "in other ops"
    if op.definition is not None:
        return f"fused: {code(source.backward(op.name))}"
    given = [(i, f) for i, f in op.formulas.items() if f is not None]
    if not given:
        return "none"
    return "<br>".join(f"{i}: {code(source.formula(op.name, i))}" for i, _ in given)


class Source:
    """The text of a file of ops, and what of it the table has used."""

    def __init__(self, module: ModuleType) -> None:
        self.tree = ast.parse(inspect.getsource(module))
        self.text = inspect.getsource(module)
        self.helpers = {
            node.name: node
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef) and not node.decorator_list
        }
        self.named: list[str] = []

    def formula(self, op: str, wanted: str) -> str:
        """What was given to `op.gradient(wanted=...)`."""
        for call in ast.walk(self.tree):
            if (
                isinstance(call, ast.Call)
                and ast.unparse(call.func) == f"{op}.gradient"
            ):
                for keyword in call.keywords:
                    if keyword.arg == wanted:
                        return self.shown(keyword.value)
        raise LookupError(f"{op}.gradient({wanted}=...) is not in its file")

    def shown(self, value: ast.expr) -> str:
        """The body of a lambda; a function by its name, to be written out below."""
        if isinstance(value, ast.Lambda):
            self.note(value.body)
            return ast.unparse(value.body)
        self.note(value)
        return ast.unparse(value)

    def backward(self, op: str) -> str:
        for node in self.tree.body:
            decorators = map(ast.unparse, getattr(node, "decorator_list", ()))
            if f"{op}.backward" in decorators:
                return ast.unparse(node.body[-1]).removeprefix("return ")
        raise LookupError(f"@{op}.backward is not in its file")

    def note(self, node: ast.AST) -> None:
        """Remember the private helpers that a formula calls, and theirs."""
        for part in ast.walk(node):
            name = getattr(part, "id", None)
            private = str(name).startswith("_") and name in self.helpers
            if private and name not in self.named:
                self.named.append(name)
                self.note(self.helpers[name])

    def written_out(self) -> str:
        found = [ast.get_source_segment(self.text, self.helpers[n]) for n in self.named]
        return "\n\n\n".join(filter(None, found))


def code(string: str) -> str:
    return f"`{string.replace('|', chr(92) + '|')}`"


def text(string: str) -> str:
    return string.replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    (ROOT / "docs" / "ops.md").write_text(main(), encoding="utf-8")
