"""A model file with one factory for each module or function that cannot become exact hardware."""

SOURCE = '''
import torch
from torch import Tensor
import torch.nn.functional as F

from creator import FixedPoint, nn, quantize

Q = FixedPoint(8, 4)


class Doing(torch.nn.Module):
    """A layer that calls a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def body(*layers):
    return torch.nn.Sequential(nn.Quantize(Q), torch.nn.Sequential(*layers), nn.Linear(4, 2))


MODULES = {
    "float linear": lambda: torch.nn.Linear(4, 4),
    "bilinear": lambda: torch.nn.Bilinear(4, 4, 4),
    "convolution": lambda: torch.nn.Conv1d(1, 1, 1),
    "transposed convolution": lambda: torch.nn.ConvTranspose2d(1, 1, 1),
    "batch norm": lambda: torch.nn.BatchNorm1d(4),
    "layer norm": lambda: torch.nn.LayerNorm(4),
    "group norm": lambda: torch.nn.GroupNorm(2, 4),
    "instance norm": lambda: torch.nn.InstanceNorm1d(4),
    "GELU": lambda: torch.nn.GELU(),
    "ELU": lambda: torch.nn.ELU(),
    "leaky ReLU": lambda: torch.nn.LeakyReLU(),
    "PReLU": lambda: torch.nn.PReLU(),
    "Mish": lambda: torch.nn.Mish(),
    "Softplus": lambda: torch.nn.Softplus(),
    "softmax": lambda: torch.nn.Softmax(1),
    "float sigmoid": lambda: torch.nn.Sigmoid(),
    "float tanh": lambda: torch.nn.Tanh(),
    "max pooling": lambda: torch.nn.MaxPool1d(2),
    "average pooling": lambda: torch.nn.AvgPool2d(2),
    "adaptive pooling": lambda: torch.nn.AdaptiveAvgPool1d(1),
    "LSTM": lambda: torch.nn.LSTM(4, 4),
    "GRU cell": lambda: torch.nn.GRUCell(4, 4),
    "attention": lambda: torch.nn.MultiheadAttention(4, 2),
    "transformer layer": lambda: torch.nn.TransformerEncoderLayer(4, 2),
    "embedding": lambda: torch.nn.Embedding(4, 4),
    "upsampling": lambda: torch.nn.Upsample(scale_factor=2),
    "padding": lambda: torch.nn.ZeroPad2d(1),
    "pixel shuffle": lambda: torch.nn.PixelShuffle(2),
    "threshold": lambda: torch.nn.Threshold(0.1, 0.2),
    "a loss": lambda: torch.nn.MSELoss(),
    "a block format as an output": lambda: nn.Linear(4, 4, output=quantize.BlockQuantizer(quantize.MXFP4)),
    "a scale of a floating-point format": lambda: nn.Linear(4, 4, weight=quantize.FloatQuantizer(quantize.E4M3, 0.3)),
    "a floating-point format that overflows": lambda: nn.Quantize(quantize.FloatQuantizer(quantize.FP16)),
    "a floating-point format of many bits": lambda: nn.Quantize(quantize.FloatQuantizer(quantize.Float(6, 3))),
    "floating-point weights of all sizes": lambda: nn.Linear(
        4, 4, weight=quantize.FloatQuantizer(quantize.E5M2, torch.tensor([[1.0], [1.0], [1.0], [2.0**-60]]))
    ),
    "exp": lambda: Doing(torch.exp),
    "sort": lambda: Doing(lambda x: x.sort(1)[0]),
    "argmax": lambda: Doing(lambda x: x.argmax(1)),
    "addition of a number of many bits": lambda: Doing(lambda x: x + 0.1),
    "a quotient that is not exact": lambda: Doing(lambda x: x / 3),
    "addition across the batch": lambda: Doing(lambda x: (x[:, :1, None] + x[:, :1]).flatten(1)),
    "concatenation of batches": lambda: Doing(lambda x: torch.cat([x, x])),
    "matmul": lambda: Doing(lambda x: x @ x.t()),
    "transposition of the batch": lambda: Doing(lambda x: x.t()),
    "an index": lambda: Doing(lambda x: x[:, ::2]),
    "noise": lambda: Doing(lambda x: x + torch.rand_like(x)),
    "dropout that is always on": lambda: Doing(lambda x: F.dropout(x, 0.5, True)),
    "a branch on values": lambda: Doing(lambda x: x if x.sum() > 0 else -x),
    "a loop over the batch": lambda: Doing(lambda x: torch.stack([row for row in x])),
    "a conversion to numpy": lambda: Doing(lambda x: torch.from_numpy(x.numpy())),
    "a print": lambda: Doing(lambda x: print(float(x.sum())) or x),
    "an assertion": lambda: Doing(lambda x: (_ for _ in ()).throw(AssertionError("two\\nlines"))),
    "an exit": lambda: Doing(lambda x: exit(0)),
    "endless recursion": lambda: Doing(lambda x: (lambda f: f(f))(lambda f: f(f))),
}


def make(name):
    return lambda: body(MODULES[name]())


for number, name in enumerate(MODULES):
    globals()[f"make_{number}"] = make(name)
'''

NAMES = [line.split('"')[1] for line in SOURCE.splitlines() if line.startswith('    "') and "lambda" in line]
