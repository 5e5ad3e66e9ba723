"""Podium submissions in Python: a class is a submission, `podium run my.py:MyOptimizer` races it.

    import podium

    class Momentum(podium.Submission):
        lr = podium.Number(0.02, 0, 100, scale="log")
        momentum = podium.Number(0.9, 0, 1)

        def create(self):
            self.velocity = self.host.vector("velocity")

        def step(self, s):
            s.gradient()
            for x, g, v in zip(self.x, self.g, self.velocity):   # numpy arrays where numpy is installed
                ...

docs/python.md leads from here to a port in C.  Records of such runs are UNRANKED.
"""
from .hyperparameters import Choice, Flag, Integer, List, Number
from .submission import Done, Failure, Submission

__all__ = ["Choice", "Done", "Failure", "Flag", "Integer", "List", "Number", "Submission"]
