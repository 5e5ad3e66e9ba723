"""Declarations of hyperparameters as class attributes; a submission's instance has their values."""
import ctypes
import math

from . import abi

SCALES = {"linear": abi.LINEAR, "log": abi.LOG}


def _doubles(values):
    return (ctypes.c_double * (len(values) + 1))(*values)


class _Declaration:
    """What podium_hyperparameter says; `fields` are those beside name, type and help."""

    def __init__(self, kind, help, **fields):
        self.kind, self.help, self.fields = kind, help, fields

    def fill(self, name):
        h = abi.Hyperparameter(struct_size=ctypes.sizeof(abi.Hyperparameter), type=self.kind, name=name.encode(),
                               help=self.help.encode() if self.help else None)
        for key, value in self.fields.items():
            setattr(h, key, value)
        return h

    def read(self, value):
        """The value in Python of an abi.Value."""
        raise NotImplementedError


class Number(_Declaration):
    """A double from min to max; default None where "none" is legal."""

    def __init__(self, default, min, max, scale="linear", help=None, optional=False):
        super().__init__(abi.NUMBER, help, value=math.nan if default is None else default, min=min, max=max,
                         scale=SCALES[scale], may_be_none=int(optional or default is None))

    def read(self, value):
        return None if math.isnan(value.number) else value.number


class Integer(_Declaration):
    def __init__(self, default, min, max, help=None):
        super().__init__(abi.INTEGER, help, value=default, min=min, max=max)

    def read(self, value):
        return value.integer


class Flag(_Declaration):
    def __init__(self, default=False, help=None):
        super().__init__(abi.FLAG, help, value=float(bool(default)), min=0, max=1)

    def read(self, value):
        return bool(value.integer)


class Choice(_Declaration):
    """One of a few words, the first unless `default` says otherwise."""

    def __init__(self, choices, default=None, help=None):
        self.choices = list(choices)
        words = (ctypes.c_char_p * (len(self.choices) + 1))(*[c.encode() for c in self.choices], None)
        super().__init__(abi.CHOICE, help, value=0 if default is None else self.choices.index(default), min=0,
                         max=len(self.choices) - 1, choices=words)

    def read(self, value):
        return self.choices[value.integer]


class List(_Declaration):
    def __init__(self, default, help=None):
        super().__init__(abi.LIST, help, list=_doubles(default), list_length=len(default), min=-math.inf,
                         max=math.inf)

    def read(self, value):
        return [value.list[i] for i in range(value.list_length)]


def declared(cls):
    """(name, declaration) of a class and its bases, in the order in which they were written."""
    found = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, _Declaration):
                found[name] = value
    return list(found.items())
