"""Run by a Python that has torch: writes checkpoints of networks with random weights and what torch computes.

python3 torch_reference.py FOLDER PROGRAM:NETWORK...
"""

import sys
from pathlib import Path

import numpy as np
import torch

CLASSES, SIZE = 196, 96


def make(program: str, network: str) -> torch.nn.Module:
    if program == "torchvision":
        import torchvision  # noqa: PLC0415 - only what is asked for has to be there

        return getattr(torchvision.models, network)(num_classes=CLASSES)
    if program == "timm":
        import timm  # noqa: PLC0415 - as above

        return timm.create_model(network, num_classes=CLASSES)
    from efficientnet_pytorch import EfficientNet  # noqa: PLC0415 - as above

    return EfficientNet.from_name(network, num_classes=CLASSES, image_size=SIZE)


def main() -> None:
    folder, *wanted = sys.argv[1:]
    torch.manual_seed(1)
    for each in wanted:
        program, network = each.split(":")
        module = make(program, network)
        for layer in module.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):  # as after training; fresh ones would hide mistakes
                torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
                torch.nn.init.normal_(layer.bias, 0, 0.2)
                layer.running_mean.normal_(0, 0.2)
                layer.running_var.uniform_(0.5, 2)
        module.eval()
        picture = torch.randn(1, 3, SIZE, SIZE)
        with torch.no_grad():
            scores = module(picture)
        place = Path(folder, f"{program}-{network}")
        np.savez(f"{place}.npz", picture=picture.numpy(), scores=scores.numpy())
        weights = module.state_dict()
        torch.save(weights, f"{place}.pth")
        old = {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in weights.items()}}
        torch.save(old, f"{place}-legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(module, Path(folder, "whole-module.pth"))
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(Path(folder, "torchscript.pt")))


if __name__ == "__main__":
    main()
