"""What every optimiser has: groups of parameters, a memory of each, and its state."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, StateDictError
from tensorgrad.threads import share

from .state import differences

Array = NDArray[Any]
Named = Tensor | tuple[str, Tensor]


class Update(NamedTuple):
    """What an update works on: one parameter, or several small ones side by side."""

    p: Array  # written to, as is its memory
    g: Array
    memory: list[Array]
    step: int


class Slot:
    """A parameter and what is remembered of it: nothing before its first step."""

    __slots__ = ("name", "parameter", "step", "memory")

    def __init__(self, name: str, parameter: Tensor) -> None:
        self.name = name
        self.parameter = parameter
        self.step = 0
        # Tensors: once saved, an array of theirs is copied before it is written to
        self.memory: list[Tensor] = []

    def fill(self, count: int) -> None:
        # in order even if a file holds the parameter transposed: kernels want that
        zeros = np.zeros_like(self.parameter._data, order="C")
        self.memory = [Tensor(zeros) for _ in range(count)]

    def update(self) -> Update:
        p = self.parameter
        grad: Any = p._grad
        memory = [x.writable() for x in self.memory] if self.memory else []
        return Update(p.writable(), grad._data, memory, self.step)


# Elements of one update: few enough for the cache, and for threads to share the work
# evenly. With less than half as many, threads would wait for each other's Python.
PIECE = 1 << 18


def pieces(now: Update) -> list[Update]:
    """The same update of a part of the elements each, if they are too many for one."""
    arrays, n = (now.p, now.g, *now.memory), -(-now.p.size // PIECE)
    if n <= 1 or not all(x.flags.c_contiguous for x in arrays):
        return [now]
    p, g, *memory = (np.array_split(x.reshape(-1), n) for x in arrays)
    rows = zip(p, g, *memory, strict=True)
    return [Update(one, grad, rest, now.step) for one, grad, *rest in rows]


# A tenth of a small model's step would go into AdamW's updates of a few numbers each,
# whose time is that of calling NumPy a dozen times.
SMALL = 1 << 14  # elements; kernels for larger arrays are compiled


def of_one_step(slots: Iterable[Slot]) -> list[list[Slot]]:
    """Slots that one update can do: those of a step, and a dtype."""
    found: dict[Any, list[Slot]] = {}
    for slot in slots:
        found.setdefault((slot.step, slot.parameter.dtype), []).append(slot)
    return list(found.values())


def joined(arrays: Sequence[Array]) -> Array:
    """All elements in one row."""
    return np.concatenate([array.reshape(-1) for array in arrays])


def put_back(whole: Array, arrays: Iterable[Array]) -> None:
    """What `joined` did, undone: the elements go back to where they came from."""
    end = 0
    for array in arrays:
        start, end = end, end + array.size
        array[...] = whole[start:end].reshape(array.shape)


class Optimizer:
    """Parameters in groups, each with its own settings; a subclass gives the update.

    Takes parameters, (name, parameter) pairs as `named_parameters()` gives them, or
    groups of either: dicts of "params" and of settings that differ from the rest. A
    parameter given twice is one. State is kept by name, or else by position.
    """

    def __init__(
        self, parameters: Iterable[Named] | Iterable[dict[str, Any]], **defaults: Any
    ) -> None:
        given: list[Any] = list(parameters)
        if not given:
            raise ConfigError(f"{self._name}: there are no parameters to train")
        if not isinstance(given[0], dict):
            given = [{"params": given}]
        self.param_groups: list[dict[str, Any]] = []
        self._slots: list[list[Slot]] = []
        seen: dict[int, str] = {}
        for group in given:
            if unknown := group.keys() - defaults.keys() - {"params"}:
                raise ConfigError(
                    f"{self._name}: no setting {', '.join(sorted(unknown))}"
                )
            slots = self._take(group["params"], seen)
            settings = {**defaults, **group, "params": [s.parameter for s in slots]}
            self._check(settings)
            self.param_groups.append(settings)
            self._slots.append(slots)

    def _take(self, parameters: Iterable[Named], seen: dict[int, str]) -> list[Slot]:
        """A slot for each parameter of a group, in which none was seen before."""
        slots: dict[int, Slot] = {}
        for item in parameters:
            name, parameter = item if isinstance(item, tuple) else ("", item)
            if not isinstance(parameter, Tensor) or not parameter.is_leaf:
                kind = type(parameter).__name__
                raise ConfigError(
                    f"{self._name}: {name or kind} is no parameter: those are Tensors "
                    "that no op made. Pass model.parameters()"
                )
            if id(parameter) in slots:
                continue
            name = name or str(len(seen))
            if id(parameter) in seen or name in seen.values():
                raise ConfigError(f"{self._name}: parameter {name} is in two groups")
            seen[id(parameter)] = name
            slots[id(parameter)] = Slot(name, parameter)
        return list(slots.values())

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _check(self, group: dict[str, Any]) -> None:
        """ConfigError for a setting outside its range."""
        for name in ("lr", "weight_decay"):
            self._within(name, group[name], math.inf)

    def _within(self, name: str, value: Any, end: float) -> None:
        if not 0 <= value < end:
            raise ConfigError(f"{self._name}: {name}={value} must be in [0, {end})")

    @property
    def lr(self) -> float:
        """The rate of the first group; assigning sets that of every group."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        self._within("lr", value, math.inf)
        for group in self.param_groups:
            group["lr"] = value

    def zero_grad(self) -> None:
        """Forget the gradients: each `.grad` becomes None."""
        for slots in self._slots:
            for slot in slots:
                slot.parameter._grad = None

    def step(self, grad_scale: float = 1.0) -> None:
        """Update each parameter that has a gradient, with its gradient * grad_scale."""
        updates: list[tuple[Update, dict[str, Any], float]] = []
        for group, slots in zip(self.param_groups, self._slots, strict=True):
            count, small = len(self._remembers(group)), []
            for slot in slots:
                if slot.parameter._grad is None:
                    continue
                if len(slot.memory) != count:
                    slot.fill(count)
                slot.step += 1
                if self._joins and slot.parameter.size < SMALL:
                    small.append(slot)
                else:
                    for piece in pieces(slot.update()):
                        updates.append((piece, group, grad_scale))
            for alike in of_one_step(small):
                self._update_joined(alike, group, grad_scale)

        def run(first: int, last: int) -> None:
            for update in updates[first:last]:
                self._update(*update)

        if 2 * sum([now.p.size for now, _, _ in updates]) < PIECE * len(updates):
            run(0, len(updates))
        elif updates:
            share(run, len(updates))

    def _update_joined(
        self, slots: list[Slot], group: dict[str, Any], scale: float
    ) -> None:
        """One update for slots of the same step, side by side."""
        each = [slot.update() for slot in slots]
        changing = [*zip(*[(one.p, *one.memory) for one in each], strict=True)]
        p, *memory = rows = [joined(arrays) for arrays in changing]
        g = joined([one.g for one in each])
        self._update(Update(p, g, memory, each[0].step), group, scale)
        for row, arrays in zip(rows, changing, strict=True):
            put_back(row, arrays)

    _joins = False
    """Whether an update of many small parameters is quicker side by side."""

    def _remembers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that the update keeps for each parameter."""
        raise NotImplementedError

    def _update(self, now: Update, group: dict[str, Any], scale: float) -> None:
        """Change p and its memory in place, element by element, for g * scale."""
        raise NotImplementedError

    # --- saving and loading

    def state_dict(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """(arrays, settings): what it remembers, by "m.name" and so on, and the rest.

        The arrays are read-only and keep their values when training goes on; JSON can
        hold the settings.
        """
        arrays, steps, groups = {}, {}, []
        for group, slots in zip(self.param_groups, self._slots, strict=True):
            groups.append({**group, "params": [slot.name for slot in slots]})
            for slot in slots:
                if slot.step:
                    steps[slot.name] = slot.step
                names = self._remembers(group)
                for what, tensor in zip(names, slot.memory, strict=False):
                    arrays[f"{what}.{slot.name}"] = tensor.data
        return arrays, {"optimizer": self._name, "groups": groups, "steps": steps}

    def load_state_dict(
        self, arrays: Mapping[str, Array], settings: Mapping[str, Any]
    ) -> None:
        """Continue where `state_dict` was taken, its rates and other settings too.

        StateDictError lists all that is missing, unexpected or misshapen; then nothing
        was changed.
        """
        groups = self._saved_groups(settings)
        steps = settings["steps"]
        expected: dict[str, tuple[Slot, int]] = {}
        for group, slots in zip(groups, self._slots, strict=True):
            names = self._remembers(group)
            for slot in slots:
                for i in range(len(names) if slot.name in steps else 0):
                    expected[f"{names[i]}.{slot.name}"] = slot, i
        self._compare(arrays, {k: s.parameter.shape for k, (s, _) in expected.items()})
        for group, saved, slots in zip(
            self.param_groups, groups, self._slots, strict=True
        ):
            group.update(saved)
            for slot in slots:
                slot.step = steps.get(slot.name, 0)
                slot.fill(len(self._remembers(group)) if slot.step else 0)
        for key, (slot, i) in expected.items():
            slot.memory[i].writable()[...] = arrays[key]

    def _saved_groups(self, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The saved groups' settings, if the optimiser and its parameters are alike."""
        if settings["optimizer"] != self._name:
            self._refuse(f"it was saved from {settings['optimizer']}")
        here = [[slot.name for slot in slots] for slots in self._slots]
        there = [group["params"] for group in settings["groups"]]
        if [*map(sorted, here)] != [*map(sorted, there)]:
            ours, theirs = ({n for names in g for n in names} for g in (here, there))
            missing, unexpected = sorted(ours - theirs), sorted(theirs - ours)
            self._refuse(
                f"missing: {', '.join(missing) or 'none'}; unexpected: "
                f"{', '.join(unexpected) or 'none'}; parameters in its groups: "
                f"{[*map(len, there)]}, here {[*map(len, here)]}"
            )
        groups = []
        for group, old in zip(self.param_groups, settings["groups"], strict=True):
            new = {k: tuple(v) if isinstance(v, list) else v for k, v in old.items()}
            new["params"] = group["params"]
            if new.keys() != group.keys():
                self._refuse(f"settings {sorted(old)}, here {sorted(group)}")
            self._check(new)
            groups.append(new)
        return groups

    def _compare(
        self, arrays: Mapping[str, Array], shapes: dict[str, tuple[int, ...]]
    ) -> None:
        wrong = [
            f"{key} {arrays[key].shape} should be {shape}"
            for key, shape in shapes.items()
            if key in arrays and arrays[key].shape != shape
        ]
        missing = {k: shape for k, shape in shapes.items() if k not in arrays}
        unexpected = {k: v.shape for k, v in arrays.items() if k not in shapes}
        if wrong or missing or unexpected:
            self._refuse(differences(missing, unexpected, wrong))

    def _refuse(self, why: str) -> NoReturn:
        raise StateDictError(
            f"{self._name}.load_state_dict: {why}. Nothing was changed. Was it saved "
            "with other settings?"
        )
