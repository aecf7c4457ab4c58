"""Keys and values of many answers at once, each in a row of its own and as far along as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer


class SlotLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer's memory: keys [slots, heads, width, size], values likewise.

    A forward pass either reads new prompts, whole (`rows` is set), or adds a token to each of the first rows (`at` is).
    """

    is_sliding = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values = keys, values
        self.is_initialized = True
        self.rows: torch.Tensor | None = None
        self.at: torch.Tensor | None = None
        self.width = 0

    def lazy_initialization(self, *_: Any, **__: Any) -> None:
        """The memory is there from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.rows is not None:
            length = key_states.shape[2]
            self.keys[self.rows, :, :length] = key_states
            self.values[self.rows, :, :length] = value_states
            return key_states, value_states
        assert self.at is not None
        n = key_states.shape[0]
        index = torch.arange(n, device=key_states.device)
        self.keys[index, :, self.at] = key_states[:, :, 0]
        self.values[index, :, self.at] = value_states[:, :, 0]
        return self.keys[:n, :, : self.width], self.values[:n, :, : self.width]

    def get_seq_length(self) -> int:
        return 0 if self.rows is not None else self.width - 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return (query_length if self.rows is not None else self.width), 0

    def get_max_length(self) -> int:
        return int(self.keys.shape[2])


class Slots:
    """The memory of all layers, as the models of transformers take it."""

    def __init__(self, shapes: Sequence[tuple[Any, Any]], slots: int, width: int, like: torch.Tensor) -> None:
        """shapes: (heads, size) of keys and of values for each layer; width: tokens; like: for device and dtype."""
        self.slots, self.width = slots, width
        self.layers = [
            SlotLayer(*(like.new_zeros((slots, heads, width, size)) for heads, size in both))
            for both in shapes
        ]
        self.cache = Cache(layers=self.layers)

    def reading(self, rows: torch.Tensor) -> Cache:
        """For a pass over prompts that go to `rows` [n]."""
        for layer in self.layers:
            layer.rows, layer.at = rows, None
        return self.cache

    def adding(self, at: torch.Tensor, width: int) -> Cache:
        """For a pass over one token of each of the first rows, which are at `at` [n], all below `width`."""
        for layer in self.layers:
            layer.rows, layer.at, layer.width = None, at, width
        return self.cache

    def move(self, rows: torch.Tensor) -> None:
        """Put `rows` [n], in ascending order, first."""
        for layer in self.layers:
            layer.keys[: len(rows)] = layer.keys[rows]
            layer.values[: len(rows)] = layer.values[rows]


def shapes_of(cache: Any) -> list[tuple[Any, Any]] | None:
    """What `Slots` takes, of a filled cache; None where a layer keeps something else than all keys and values."""
    layers = getattr(cache, "layers", None)
    if not layers or any(type(layer) is not DynamicLayer for layer in layers):
        return None
    kept = [layer.keys is not None and layer.keys.dim() == layer.values.dim() == 4 for layer in layers]
    if not all(kept):
        return None
    return [
        ((layer.keys.shape[1], layer.keys.shape[3]), (layer.values.shape[1], layer.values.shape[3]))
        for layer in layers
    ]
