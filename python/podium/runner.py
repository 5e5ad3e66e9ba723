"""The runner process of a submission in Python, started by podium: python3 -m podium.runner PARENT LIBRARY.

The library is podium-runner as a library; it works on the referee's commands and calls back into the class."""
import ctypes
import importlib.util
import os
import sys
import traceback

from . import abi, hyperparameters
from .submission import Done, Failure, Host, Step, Submission, Task, Vector

LOADER = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)


def last_frame(error):
    """"file.py:12: " of the innermost frame of an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    return "%s:%d: " % (os.path.basename(frames[-1].filename), frames[-1].lineno) if frames else ""


def reason(error):
    return "%s%s: %s" % (last_frame(error), type(error).__name__, error)


class Table:
    """podium_submission of a class.  Every entry turns exceptions into statuses: one that got past ctypes would be
    printed and count as success."""

    def __init__(self, cls, version):
        self.cls, self.instance = cls, None
        self.declared = hyperparameters.declared(cls)
        self._structures = [d.fill(name) for name, d in self.declared]
        pointers = [ctypes.pointer(h) for h in self._structures]
        self._list = (ctypes.POINTER(abi.Hyperparameter) * (len(pointers) + 1))(*pointers)

        def text(value):
            return value.encode() if value else None

        self.raw = abi.Submission(
            struct_size=ctypes.sizeof(abi.Submission), abi_major=version >> 16, abi_minor=version & 0xffff,
            name=text(cls.name or cls.__name__), version=text(cls.version), authors=text(cls.authors),
            url=text(cls.url), hyperparameters=self._list, create=abi.CREATE(self.create), step=abi.STEP(self.step),
            destroy=abi.DESTROY(self.destroy))
        for optional in ("before_eval", "after_eval"):
            if hasattr(cls, optional):
                setattr(self.raw, optional, abi.CALL(lambda _, name=optional: self.call(name)))
        if hasattr(cls, "batch_size"):
            self.raw.batch_size = abi.BATCH_SIZE(self.batch_size)

    def guarded(self, function):
        """Runs it; gives a status."""
        try:
            function()
            return abi.OK
        except Done:
            return abi.DONE
        except Failure as error:
            status, text = error.status, "%s%s" % (last_frame(error), error) if str(error) else None
        except BaseException as error:  # SystemExit too: the referee wants a status
            traceback.print_exc()
            status, text = abi.EINVAL, reason(error)
        if text:
            host = self.instance.host
            host.raw.fail(host.pointer, status, text.encode()[:1000])
        return status

    def make_instance(self, values):
        self.instance = self.cls()
        for i, (name, declaration) in enumerate(self.declared):
            setattr(self.instance, name, declaration.read(values[i].contents))

    def batch_size(self, task, values):
        try:
            self.make_instance(values)
            return int(self.instance.batch_size(Task(task.contents)))
        except BaseException:
            traceback.print_exc()
            return -1

    def create(self, host, task, values, self_out):
        self_out[0] = 1  # any but NULL; there is one instance
        try:
            self.make_instance(values)
        except BaseException as error:
            traceback.print_exc()
            return host.contents.fail(host, abi.EINVAL, reason(error).encode()[:1000])
        o, raw = self.instance, task.contents
        o.task = Task(raw)
        o.host = Host(host, o.task)
        o.x, o.g = Vector(o.host, raw.x), Vector(o.host, raw.g)
        return self.guarded(o.create)

    def step(self, _, step):
        return self.guarded(lambda: self.instance.step(Step(step.contents, self.instance.host)))

    def call(self, name):
        return self.guarded(getattr(self.instance, name))

    def destroy(self, _):
        try:
            if hasattr(self.instance, "destroy"):
                self.instance.destroy()
        except BaseException:
            traceback.print_exc()


def load_class(spec):
    """The class of "FILE.py:CLASS".  Errors: Failure, or whatever the file raises."""
    path, _, name = spec.rpartition(":")
    sys.path.insert(0, os.path.dirname(path))
    module_spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    cls = getattr(module, name, None)
    if cls is None:
        raise Failure("'%s' defines no class '%s'" % (path, name))
    if not isinstance(cls, type) or not issubclass(cls, Submission):
        raise Failure("'%s' in '%s' is no subclass of podium.Submission" % (name, path))
    return cls


def main(argv):
    if len(argv) != 3:
        print("podium.runner is started by podium, not by hand", file=sys.stderr)
        return 2
    library = ctypes.CDLL(argv[2])
    library.podium_runner_abi.restype = ctypes.c_uint32
    tables = []  # static storage

    def load(spec, why, why_size):
        try:
            tables.append(Table(load_class(os.fsdecode(spec)), library.podium_runner_abi()))
            return ctypes.addressof(tables[-1].raw)
        except BaseException as error:
            traceback.print_exc()
            text = str(error) if isinstance(error, Failure) else reason(error)
            text = ("cannot load %s: %s" % (os.fsdecode(spec), text)).encode()[:why_size - 1] + b"\0"
            ctypes.memmove(why, text, len(text))
            return None

    loader = LOADER(load)
    if library.podium_runner_serve(int(argv[1]), loader):
        print("podium.runner: no referee behind descriptors 3 to 5", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
