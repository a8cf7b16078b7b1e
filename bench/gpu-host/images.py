#!/usr/bin/env python3
"""Packs the first images of CIFAR-10 into a small file, and unpacks them: images.py pack DIR TRAIN TEST FILE, or unpack FILE DIR.

Images barely shrink under general compressors, 6.5 bits a value. Differences of channels, predicted from the neighbours (the predictor of
JPEG-LS), leave 4.4 bits.
"""

import gzip
import lzma
import pathlib
import sys

import numpy as np

SIDE, RECORD = 32, 1 + 3 * 32 * 32


def read(files, most):
    """The first records of the files, compressed or not."""
    parts, missing = [], most * RECORD
    for file in files:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
            parts.append(stream.read(missing))
        missing -= len(parts[-1])
        if missing == 0:
            break
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, RECORD)


def predict(left, up, corner):
    low, high = np.minimum(left, up), np.maximum(left, up)
    return np.where(corner >= high, low, np.where(corner <= low, high, left + up - corner))


def residuals(pixels):
    """int16 in, bytes out: differences wrap around, which loses nothing."""
    image = pixels.reshape(-1, 3, SIDE, SIDE)
    planes = np.stack([image[:, 1], image[:, 0] - image[:, 1], image[:, 2] - image[:, 1]], 1)
    guess = np.zeros_like(planes)
    guess[..., 0, 1:] = planes[..., 0, :-1]
    guess[..., 1:, 0] = planes[..., :-1, 0]
    guess[..., 1:, 1:] = predict(planes[..., 1:, :-1], planes[..., :-1, 1:], planes[..., :-1, :-1])
    return (planes - guess).astype(np.uint8)


def restored(differences):
    """The values of a channel difference lie in a range of 511, so that a byte tells them apart only beside the green value."""
    count = len(differences)
    green = restored_plane(differences[:, 0], 0)
    image = np.empty((count, 3, SIDE, SIDE), np.uint8)
    image[:, 1] = green
    for source, target in ((1, 0), (2, 2)):
        image[:, target] = restored_plane(differences[:, source], green) + green
    return image.reshape(count, -1)


def restored_plane(differences, green):
    # column, row, image: the loop goes over pixels, each step over all images
    plane = np.zeros((SIDE, SIDE, len(differences)), np.int16)
    difference = np.ascontiguousarray(differences.transpose(1, 2, 0)).astype(np.int16)
    other = np.zeros_like(plane) if np.isscalar(green) else np.ascontiguousarray(green.transpose(1, 2, 0))
    for row in range(SIDE):
        for column in range(SIDE):
            if row and column:
                guess = predict(plane[row, column - 1], plane[row - 1, column], plane[row - 1, column - 1])
            else:
                guess = plane[row, column - 1] if column else plane[row - 1, column] if row else 0
            # of all values with this byte, the one that gives a pixel
            plane[row, column] = ((difference[row, column] + guess + other[row, column]) & 255) - other[row, column]
    return plane.transpose(2, 0, 1)


def pack(folder, train, test, target):
    folder = pathlib.Path(folder)
    names = sorted([*folder.glob("cifar10-train-*.bin*"), *folder.glob("data_batch_*.bin*")])
    tests = sorted([*folder.glob("cifar10-test.bin*"), *folder.glob("test_batch.bin*")])
    if not names or not tests:
        sys.exit(f"{folder} has no CIFAR-10 (cifar10-train-*.bin, cifar10-test.bin, or with .gz).")
    sets = [read(names, int(train)), read(tests, int(test))]
    records = np.concatenate(sets)
    packed = residuals(records[:, 1:].astype(np.int16))
    if not np.array_equal(restored(packed), records[:, 1:]):
        sys.exit("The packed images do not unpack to what they were.")
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 0, "pb": 0}]
    with lzma.open(target, "wb", filters=filters) as stream:
        stream.write(f"{len(sets[0])} {len(sets[1])}\n".encode() + records[:, 0].tobytes() + packed.tobytes())


def unpack(source, folder):
    data = lzma.open(source).read()
    head, _, body = data.partition(b"\n")
    train, test = map(int, head.split())
    body = np.frombuffer(body, np.uint8)
    records = np.empty((train + test, RECORD), np.uint8)
    records[:, 0] = body[:train + test]
    records[:, 1:] = restored(body[train + test:].reshape(-1, 3, SIDE, SIDE))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    records[:train].tofile(folder / "cifar10-train-1.bin")
    records[train:].tofile(folder / "cifar10-test.bin")


if __name__ == "__main__":
    if sys.argv[1:2] == ["pack"] and len(sys.argv) == 6:
        pack(*sys.argv[2:])
    elif sys.argv[1:2] == ["unpack"] and len(sys.argv) == 4:
        unpack(*sys.argv[2:])
    else:
        sys.exit(__doc__)
