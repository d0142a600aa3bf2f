"""What the command line calls MODEL: a saved graph, or a factory in a Python file and weights from safetensors."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creator.errors import CreatorError
from creator.graph import Graph, load

if TYPE_CHECKING:
    import torch


def load_model(model: str, weights: str | None = None, input_shape: str | None = None) -> Graph:
    """The graph that MODEL means.

    Args:
        model: path of a saved graph, or ``file.py:factory``, a function without arguments that returns a module.
        weights: a safetensors file with the module's state dict.
        input_shape: of one sample, as numbers separated by commas.

    Raises:
        CreatorError: for a missing or unusable file, factory, state dict or shape.
    """
    file, separator, factory = model.rpartition(":")
    if not separator or not file.endswith(".py"):
        if model.endswith(".py"):
            raise CreatorError("which function makes the model?", model, f"write {model}:NAME")
        if weights or input_shape:
            raise CreatorError(
                "a saved graph has its weights and shape already", model, "leave out --weights and --input-shape"
            )
        return load(model)
    if input_shape is None:
        raise CreatorError("a module needs --input-shape", model, "for example --input-shape 64")
    shape = _shape(input_shape)
    if not Path(file).is_file():
        raise CreatorError("there is no such file", file)
    if weights is not None and not Path(weights).is_file():
        raise CreatorError("there is no such file", weights)
    module = _made(file, factory)
    if weights is not None:
        _load_weights(module, weights)
    from creator.tracing import trace

    return trace(module, shape)


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", text):
        raise CreatorError(f"{text!r} is not a shape", "--input-shape", "numbers separated by commas, such as 1,8,8")
    return tuple(int(n) for n in text.split(","))


def _made(file: str, factory: str) -> torch.nn.Module:
    spec = importlib.util.spec_from_file_location("creator_user_model", file)
    assert spec is not None
    assert spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = source  # dataclasses and the like look their module up there
    sys.path.insert(0, str(Path(file).absolute().parent))
    try:
        spec.loader.exec_module(source)
        make: Any = getattr(source, factory, None)
        if not callable(make):
            raise CreatorError(f"has no function {factory!r}", file)
        module: Any = make()
    except CreatorError as error:
        raise error.at(file) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the user's file raises, SystemExit included
        raise CreatorError(f"{factory} fails: {type(error).__name__}: {error}", file) from None
    finally:
        sys.path.pop(0)
    import torch

    if not isinstance(module, torch.nn.Module):
        raise CreatorError(f"{factory} returned {type(module).__name__}, not a torch.nn.Module", file)
    return module


def _load_weights(module: torch.nn.Module, path: str) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CreatorError(
            f"cannot be read as safetensors: {error}", path, "write it with safetensors.torch.save_file"
        ) from None
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CreatorError(f"does not fit the model: {reason}", path) from None
