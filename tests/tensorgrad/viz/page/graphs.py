"""Small programs of single numbers, as the explore page wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

HOSTILE = (
    "</script><script>window.bad=1</script><img src=x onerror='window.bad=1'>"
    "<!-- \" ' & \u2028 {0} \\u003c"
)


def _formula(code: str) -> Json:
    parts = code.split()
    tokens = [{"name": p} if p.isalpha() else {"text": f" {p} "} for p in parts]
    return {"code": code, "tokens": tokens, "pointwise": True}


def _op(doc: str, x: str, y: str) -> Json:
    formulas = {"x": _formula(x), "y": _formula(y)}
    rest = {"smooth": "everywhere", "kinks": "", "where": "tensorgrad/ops/some.py:1"}
    return {"doc": doc, "formulas": formulas, **rest}


OPS = {
    "multiply": _op("x * y", "g * y", "g * x"),
    "add": _op("x + y", "g", "g"),
}


class Program:
    """Leaves, then ops on what came before; `data` is what the page is given."""

    def __init__(self, title: str = "loss") -> None:
        self.title = title
        self.values: list[float] = []
        self.vertices: list[Json] = []
        self.arrays: list[Json] = []
        self.tree: Json | None = None

    def array(self, x: float) -> int:
        self.arrays.append({"shape": [], "dtype": "float32", "data": [x]})
        return len(self.arrays) - 1

    def leaf(self, title: str, x: float) -> int:
        return self._add("leaf", None, title, x, [], "")

    def op(self, op: str, x: int, y: int, code: str = "") -> int:
        a, b = self.values[x], self.values[y]
        return self._add(
            "op", op, op, a * b if op == "multiply" else a + b, [x, y], code
        )

    def _add(
        self,
        kind: str,
        op: str | None,
        title: str,
        x: float,
        inputs: list[int],
        code: str,
    ) -> int:
        self.values.append(x)
        line = {"file": "train.py", "number": len(self.values), "code": code}
        caller = {"file": "main.py", "number": 1, "code": "loss = model(x)"}
        self.vertices.append(
            {"kind": kind, "op": op, "title": title, "details": [], "shape": []}
            | {
                "dtype": "float32",
                "inputs": inputs,
                "arguments": ["x", "y"][: len(inputs)],
            }
            | {"value": self.array(x), "lines": [line, caller] if code else []}
        )
        return len(self.vertices) - 1

    def local(self, end: int) -> list[float]:
        """The derivatives of an op, by argument."""
        vertex = self.vertices[end]
        if vertex["op"] == "multiply":
            x, y = vertex["inputs"]
            return [self.values[y], self.values[x]]
        return [1.0, 1.0][: len(vertex["inputs"])]

    def order(self) -> list[int]:
        """Every op after all of its users: the order of making, backward."""
        return list(reversed(range(len(self.vertices))))

    def steps(self) -> list[Json]:
        output = len(self.vertices) - 1
        total = [0] * len(self.vertices)
        for vertex in self.vertices:
            for start in vertex["inputs"]:
                total[start] += 1
        grads, index = {output: 1.0}, {output: self.array(1.0)}
        arrived, steps = [0] * len(self.vertices), []
        for end in self.order():
            inputs, sent = self.vertices[end]["inputs"], []
            known = {"g": index[end]}
            for slot, (start, slope) in enumerate(
                zip(inputs, self.local(end), strict=True)
            ):
                known["xy"[slot]] = self.vertices[start]["value"]
                value, before = grads[end] * slope, index.get(start)
                grads[start] = grads.get(start, 0.0) + value
                arrived[start] += 1
                one = self.array(value)
                index[start] = one if before is None else self.array(grads[start])
                check = {"index": 0, "slope": value, "numeric": value, "step": 1e-6}
                sent.append(
                    {"to": start, "slot": slot, "formula": "xy"[slot], "raw": None}
                    | {"summed": [], "value": one, "before": before}
                    | {"after": index[start], "arrival": arrived[start]}
                    | {"arrivals": total[start]}
                    | {"checks": [{**check, "agrees": True, "why": ""}]}
                )
            leaf = {"before": None, "after": index[end]} if not inputs else None
            step = {"vertex": end, "g": index[end], "known": known, "sent": sent}
            steps.append({**step, "grad": leaf})
        return steps

    def data(self) -> Json:
        steps = self.steps()
        tree = self.tree or group("root", list(range(len(self.vertices))), closed=False)
        return {
            "title": self.title,
            "notes": ["A note."],
            "arrays": self.arrays,
            "tree": tree,
            "vertices": self.vertices,
            "ops": OPS,
            "steps": steps,
            "naive": {"right": True, "steps": [], "leaves": []},
            "output": len(self.vertices) - 1,
        }


def group(name: str, children: Sequence[Any], **fields: Any) -> Json:
    nodes = sum(x["nodes"] if isinstance(x, dict) else 1 for x in children)
    start = {"id": name, "label": name, "kind": "stretch", "title": "", "name": ""}
    size = {"count": 1, "closed": True, "nodes": nodes, "parameters": 0}
    return {**start, **size, "children": list(children), **fields}


def chain(nodes: int, most: int = 24) -> Program:
    """So many nodes in a row, in groups of groups of at most 24."""
    program = Program("a long chain")
    last = program.leaf("x", 1.0)
    step = program.leaf("step", 0.5)
    for _ in range(nodes - 2):
        last = program.op("add", last, step)
    items: list[Any] = list(range(nodes))
    while len(items) > most:
        items = [
            group(f"level of {len(items)}, from {at}", items[at : at + most])
            for at in range(0, len(items), most)
        ]
    program.tree = group("root", items, closed=False)
    return program
