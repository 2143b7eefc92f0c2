"""Fields of config.json: of the right type, or refused by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.published.layouts import ConfigFile
from tensorgrad.errors import ConfigError


@given(st.sampled_from([1, 0.5, True, "a"]), st.sampled_from([1, 0.5, True, "a", [1]]))
def test_a_field_has_the_type_of_its_default(default: Any, value: Any) -> None:
    file = ConfigFile({"x": value, "none": None})
    assert file.get("none", default) == file.get("absent", default) == default
    whole = type(default) is float and type(value) is int
    if type(value) is type(default) or whole:
        assert file.get("x", default) == value
        assert type(file.get("x", default)) is type(default)
    else:
        with pytest.raises(ConfigError, match="x="):
            file.get("x", default)


def test_fields_that_are_refused_by_name() -> None:
    file = ConfigFile({"act": "mish", "flag": True, "null": None, "size": 10**20})
    assert ConfigFile({"act": "new"}).named("act", "old", {"new": "ours"}) == "ours"
    with pytest.raises(ConfigError, match="act='mish': known are gelu, relu"):
        file.named("act", "gelu", {"gelu": "gelu", "relu": "relu"})
    file.refuse(flag=True, null=False, absent=3)
    with pytest.raises(ConfigError, match="flag=True is not supported, only False"):
        file.refuse(flag=False)
    with pytest.raises(ConfigError, match="size="):
        file.get("size", 1)
    with pytest.raises(ConfigError, match="size="):
        file.get("size", 1.0)
