"""Any torch.optim.Optimizer as a submission.  The class of a user is ten lines:

    import podium, torch
    from podium.pytorch import TorchOptimizer

    class AdamW(TorchOptimizer):
        lr = podium.Number(1e-3, 0, 1, scale="log")
        weight_decay = podium.Number(1e-2, 0, 1)

        def make(self, parameters):
            return torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
"""
import torch

from .submission import Failure, Submission


def tensor_of(array):
    """A tensor over the memory of a parameter's array."""
    flat = torch.frombuffer(array, dtype=torch.float64 if array.itemsize == 8 else torch.float32)
    return flat.reshape(array.shape)


class TorchOptimizer(Submission):
    def make(self, parameters):
        """The optimizer over these torch.nn.Parameters, which lie in the trial's own memory."""
        raise NotImplementedError("define make(self, parameters)")

    def create(self):
        torch.manual_seed(self.task.seed % 2**63)
        self.parameters = [torch.nn.Parameter(tensor_of(x)) for x in self.x]
        self.gradients = [tensor_of(g) for g in self.g]
        self.optimizer = self.make(self.parameters)
        self.next_step = 0

    def step(self, s):
        if s.index != self.next_step:  # the state lies in torch, not in the host's checkpoints
            raise Failure("a torch optimizer cannot go on from a checkpoint: run the trial again")
        self.next_step += 1

        def closure():
            loss = s.gradient()
            for p, g in zip(self.parameters, self.gradients):
                p.grad = g  # zero_grad may have dropped it
            return torch.tensor(loss)

        self.optimizer.step(closure)
