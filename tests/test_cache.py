"""The frame cache on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from imagineid import cache as caching
from imagineid.cache import Cache, arithmetic_of, key_of
from imagineid.errors import BadInput


def some_frames(seed: int = 0, count: int = 25) -> np.ndarray:
    """Noise: nothing can be packed or rounded away."""
    return np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "frames", 10**9)


def pieces(cache: Cache) -> list[Path]:
    return sorted(cache.folder.rglob("*.mp4"))


@pytest.mark.parametrize("count", [1, 2, 25])
def test_frames_come_back_bit_by_bit(cache: Cache, count: int) -> None:
    frames = some_frames(count=count)
    cache.put("abc", frames)
    np.testing.assert_array_equal(cache.get("abc"), frames)
    assert cache.get("abd") is None
    assert cache.size() == (1, pieces(cache)[0].stat().st_size)
    assert cache.trouble is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_piece_that_was_cut_off_is_never_used(cache: Cache, share: float) -> None:
    cache.put("abc", some_frames())
    (path,) = pieces(cache)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert cache.get("abc") is None
    assert pieces(cache) == []


def test_a_piece_whose_bytes_changed_is_never_used(cache: Cache) -> None:
    frames, wrong = some_frames(), 0
    for at in range(1, 100, 7):
        cache.put("abc", frames)
        (path,) = pieces(cache)
        data = bytearray(path.read_bytes())
        data[len(data) * at // 100] ^= 0x10
        path.write_bytes(data)
        found = cache.get("abc")
        wrong += found is not None and not np.array_equal(found, frames)
    assert wrong == 0


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    before = Cache(tmp_path / "frames", 10**9)
    for i in range(4):
        before.put(f"{i}{i}", some_frames(i))
    size = before.size()[1] // 4
    for i, path in enumerate(pieces(before)):
        os.utime(path, (time.time() - 1000 + i, time.time() - 1000 + i))
    now = Cache(tmp_path / "frames", round(4.5 * size))
    assert now.get("00") is not None
    now.put("44", some_frames(4))
    assert now.get("11") is None
    assert now.get("00") is not None
    assert now.get("44") is not None
    assert now.size()[1] <= now.limit


def test_what_this_run_has_stored_is_not_thrown_out_by_it(tmp_path: Path) -> None:
    probe = Cache(tmp_path / "probe", 10**9)
    probe.put("00", some_frames())
    small = Cache(tmp_path / "frames", round(2.5 * probe.size()[1]))
    for i in range(4):
        small.put(f"{i}{i}", some_frames(i))
    assert [small.get(f"{i}{i}") is not None for i in range(4)] == [True, True, False, False]
    assert "full" in (small.trouble or "")


def test_an_unwritable_cache_folder_is_reported_and_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "frames", 10**9)
    cache.put("abc", some_frames())
    assert cache.get("abc") is None
    assert "can't be cached" in (cache.trouble or "")


def test_clearing_leaves_nothing(cache: Cache) -> None:
    cache.put("abc", some_frames())
    cache.clear()
    assert cache.size() == (0, 0)
    assert not cache.folder.exists()
    cache.put("abc", some_frames())
    assert cache.get("abc") is not None


def test_any_difference_changes_the_key() -> None:
    row = np.arange(4, dtype=np.float32)
    different = [
        (row,),
        (row.reshape(2, 2),),
        (row.astype(np.float64),),
        (row + 1,),
        (row, 1),
        (row, None),
        (1, row),
        ("1",),
        (1,),
        ("a", "b"),
        ("ab",),
    ]
    assert len({key_of(*parts) for parts in different}) == len(different)
    assert key_of(row[::2]) == key_of(row[::2].copy())


def test_a_limit_that_is_no_number_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("much", "inf"):
        monkeypatch.setenv("IMAGINEID_CACHE_GB", value)
        with pytest.raises(BadInput, match="not a number of gigabytes"):
            caching.limit_bytes()
    monkeypatch.setenv("IMAGINEID_CACHE_GB", "0.5")
    assert caching.limit_bytes() == 500_000_000


def test_the_count_of_threads_changes_no_key() -> None:
    one, several = (f"onnx (onnxruntime 1.27, {n})" for n in ("1 thread", "16 threads"))
    assert arithmetic_of(one) == arithmetic_of(several)
    assert arithmetic_of(one) != arithmetic_of("onnx (onnxruntime 1.28, 1 thread)")
