"""Train the LSTM of ../digits.tw on scikit-learn's 8 x 8 handwritten digits, and store it beside this file.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scikit-learn==1.9.1
    venv/bin/python train.py

An image is a sequence: its 8 rows are the steps, each of 8 pixels in 0..1. The last hidden state goes through a dense layer to
one score for each digit. One fifth of the images, drawn evenly from the ten digits, is held back and never trained on.

Everything stored is an array for the input of the kernel that has its name:

    w.npy float32 [4, HIDDEN, 8]         from the pixels to the input, forget, cell and output gate
    u.npy float32 [4, HIDDEN, HIDDEN]    from the hidden state
    b.npy float32 [4, HIDDEN]
    v.npy float32 [10, HIDDEN]           the dense layer
    d.npy float32 [10]
    xs.npy float32 [360, 8, 8]           the images held back
    labels.npy int32 [360]               and which digits they are

After each update the weights are moved back into the range of the kernel's formats, so that quantising them only rounds.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 8
HIDDEN = 48
EPOCHS = 60
BATCH = 32
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 0.02
# The standard deviation of what is added to the pixels in training.
NOISE = 0.2
# The largest numbers of i8.q7 and i8.q6.
RANGES = {"w": 127 / 128, "u": 127 / 64, "v": 127 / 64}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def initial(rng):
    """Weights by the widths of the layers; forget gates start open."""

    def uniform(*shape):
        return rng.uniform(-1, 1, shape) / np.sqrt(shape[-1])

    b = np.zeros((4, HIDDEN))
    b[1] = 1
    return {"w": uniform(4, HIDDEN, 8), "u": uniform(4, HIDDEN, HIDDEN), "b": b, "v": uniform(10, HIDDEN), "d": np.zeros(10)}


def forward(p, xs):
    """The scores [n, 10] of images [n, 8, 8], and of each step what the backward pass reads."""
    hid = cell = np.zeros((len(xs), HIDDEN))
    steps = []
    for t in range(xs.shape[1]):
        z = np.einsum("nk,gjk->gnj", xs[:, t], p["w"]) + hid @ p["u"].transpose(0, 2, 1) + p["b"][:, None]
        i, f, o = sigmoid(z[[0, 1, 3]])
        g = np.tanh(z[2])
        before, cell_before = hid, cell
        cell = f * cell_before + i * g
        squashed = np.tanh(cell)
        hid = o * squashed
        steps.append((xs[:, t], before, cell_before, i, f, g, o, squashed))
    return hid @ p["v"].T + p["d"], hid, steps


def gradients(p, xs, labels):
    """The gradient of the mean cross entropy for each parameter, by backpropagation through time."""
    scores, hid, steps = forward(p, xs)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    d_scores = e / e.sum(axis=1, keepdims=True)
    d_scores[np.arange(len(labels)), labels] -= 1
    d_scores /= len(labels)
    grad = {name: np.zeros_like(value) for name, value in p.items()}
    grad["v"] = d_scores.T @ hid
    grad["d"] = d_scores.sum(axis=0)
    d_hid, d_cell = d_scores @ p["v"], 0
    for x, before, cell_before, i, f, g, o, squashed in reversed(steps):
        d_cell = d_cell + d_hid * o * (1 - squashed**2)
        d_z = np.stack(
            [
                d_cell * g * i * (1 - i),
                d_cell * cell_before * f * (1 - f),
                d_cell * i * (1 - g**2),
                d_hid * squashed * o * (1 - o),
            ]
        )
        grad["w"] += np.einsum("gnj,nk->gjk", d_z, x)
        grad["u"] += np.einsum("gnj,nk->gjk", d_z, before)
        grad["b"] += d_z.sum(axis=1)
        d_hid = np.einsum("gnj,gjk->nk", d_z, p["u"])
        d_cell = d_cell * f
    return grad


def train(p, xs, labels, rng):
    """Adam with decoupled weight decay, and a learning rate that falls to zero along a cosine."""
    mean = {name: np.zeros_like(value) for name, value in p.items()}
    square = {name: np.zeros_like(value) for name, value in p.items()}
    total = EPOCHS * (len(xs) // BATCH)
    update = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(xs))
        for first in range(0, len(xs) - BATCH + 1, BATCH):
            drawn = order[first : first + BATCH]
            noisy = xs[drawn] + rng.normal(0, NOISE, xs[drawn].shape)
            grad = gradients(p, noisy, labels[drawn])
            update += 1
            rate = LEARNING_RATE * (1 + np.cos(np.pi * update / total)) / 2
            for name, value in p.items():
                mean[name] += 0.1 * (grad[name] - mean[name])
                square[name] += 0.001 * (grad[name] ** 2 - square[name])
                step = mean[name] / (1 - 0.9**update) / (np.sqrt(square[name] / (1 - 0.999**update)) + 1e-8)
                if name in RANGES:
                    step += WEIGHT_DECAY * value
                value -= rate * step
                if name in RANGES:
                    np.clip(value, -RANGES[name], RANGES[name], out=value)


def accuracy(p, xs, labels):
    return (forward(p, xs)[0].argmax(axis=1) == labels).mean()


def main():
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16
    split = train_test_split(images, labels, test_size=0.2, random_state=SEED, stratify=labels)
    train_xs, test_xs, train_labels, test_labels = split
    rng = np.random.default_rng(SEED)
    p = initial(rng)
    train(p, train_xs, train_labels, rng)
    print(f"accuracy: {accuracy(p, train_xs, train_labels):.1%} of the images trained on", end=", ")
    print(f"{accuracy(p, test_xs, test_labels):.1%} of those held back")
    folder = Path(__file__).parent
    for name, value in {**p, "xs": test_xs}.items():
        np.save(folder / f"{name}.npy", value.astype(np.float32))
    np.save(folder / "labels.npy", test_labels.astype(np.int32))


if __name__ == "__main__":
    main()
