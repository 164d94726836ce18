"""Networks of convolutions in PyTorch, with channels last or first in memory."""

from __future__ import annotations

from typing import Any

from ..problems.image_problem import ImageProblem


def modules(torch: Any, problem: ImageProblem) -> Any:
    """The network up to the output's logits; its parameters have the shapes of the problem's."""
    functional = torch.nn.functional

    class Convolution(torch.nn.Module):  # type: ignore[misc]
        """Convolution, ReLU and pooling of an image with its channels last.

        The weights (filters, *kernel, channels) seen with their channels first are what PyTorch
        calls channels last, and so are the images; where they shall be first, they are copied.
        """

        def __init__(self, shape: tuple[int, ...]) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.empty(shape))
            self.bias = torch.nn.Parameter(torch.empty(shape[0]))

        def forward(self, x: Any) -> Any:
            x, weight = x.movedim(-1, 1), self.weight.movedim(-1, 1)
            if not problem.channels_last:
                x, weight = x.contiguous(), weight.contiguous()
            if x.ndim == 4:
                z = functional.conv2d(x, weight, self.bias)
                return functional.max_pool2d(torch.relu(z), problem.pool).movedim(1, -1)
            if not problem.channels_last:
                z = functional.conv1d(x, weight, self.bias)
                return functional.max_pool1d(torch.relu(z), problem.pool).movedim(1, -1)
            # Sequences as images of one row: only images can have their channels last.
            z = functional.conv2d(x[:, :, None], weight[:, :, None], self.bias)
            pooled = functional.max_pool2d(torch.relu(z), (1, problem.pool))
            return pooled[:, :, 0].movedim(1, -1)

    found: list[Any] = []
    for W, _ in problem.start:
        if W.ndim > 2:
            found.append(Convolution(W.shape))
            continue
        if isinstance(found[-1], Convolution):
            found.append(torch.nn.Flatten())
        elif found:
            found.append(torch.nn.ReLU())
        found.append(torch.nn.Linear(*W.shape[::-1]))
    return torch.nn.Sequential(*found)
