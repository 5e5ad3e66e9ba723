#!/usr/bin/env python3
"""Golden trajectories for what the original authors' runs do not reach.

usage: tools/golden_cases.py FOLDER

Written from the papers' and the authors' formulas in plain double precision, with nothing but
Python's own arithmetic: no LAPACK (eigenvectors by Jacobi rotations, QR by Gram-Schmidt), no code
of Podium.  Sums are exact (fsum), powers are products: the files are the same bits everywhere.
"""
import json
import math
import os
import random
import sys

STEPS = 12


def times(a, b):
    return [[math.fsum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def transposed(a):
    return [list(row) for row in zip(*a)]


def power(x, n):
    out = 1.0
    for _ in range(n):
        out *= x
    return out


def eigenvectors(a):
    """Columns: eigenvectors of the symmetric a, by descending eigenvalue; cyclic Jacobi."""
    n = len(a)
    a = [row[:] for row in a]
    v = [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(60):
        for p in range(n):
            for q in range(p + 1, n):
                if a[p][q] == 0:
                    continue
                theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                t = math.copysign(1, theta) / (abs(theta) + math.sqrt(theta * theta + 1))
                c = 1 / math.sqrt(t * t + 1)
                s = t * c
                for m in (a, v):
                    for row in m:
                        row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
                a[p], a[q] = ([c * x - s * y for x, y in zip(a[p], a[q])],
                              [s * x + c * y for x, y in zip(a[p], a[q])])
                a[p][q] = a[q][p] = 0.0
    order = sorted(range(n), key=lambda i: -a[i][i])
    return [[row[i] for i in order] for row in v]


def orthonormal(a):
    """The orthonormal factor of a = q r; Gram-Schmidt, twice for orthogonality to rounding.  A
    column that the ones before it span is replaced by what completes the basis."""
    n, out = len(a), []
    units = [[float(i == j) for j in range(n)] for i in range(n)]
    for column in transposed(a):
        size = math.sqrt(math.fsum(x * x for x in column))
        for candidate in [column] + units:
            x = candidate
            for _ in range(2):
                for q in out:
                    dot = math.fsum(s * t for s, t in zip(q, x))
                    x = [s - dot * t for s, t in zip(x, q)]
            left = math.sqrt(math.fsum(s * s for s in x))
            if left > 1e-12 * (size if candidate is column else 1):
                break
        out.append([s / left for s in x])
    return transposed(out)


class Soap:
    """Vyas et al. 2024, algorithm 3, as nikhilvyas/SOAP has it; each parameter as one matrix, a
    vector as a matrix of one row whose left basis is 1."""

    def __init__(self, p, x):
        self.p, self.x, self.n = p, x, 0
        self.m = [[0.0] * len(x[0]) for _ in x]
        self.v = [[0.0] * len(x[0]) for _ in x]
        self.gg = [[[0.0] * n for _ in range(n)] for n in (len(x), len(x[0]))]

    def into(self, x):
        return times(times(transposed(self.q[0]), x), self.q[1])

    def back(self, x):
        return times(times(self.q[0], x), transposed(self.q[1]))

    def gather(self, g):
        beta = self.p['beta2'] if self.p['shampoo_beta'] < 0 else self.p['shampoo_beta']
        for k, gram in enumerate((times(g, transposed(g)), times(transposed(g), g))):
            self.gg[k] = [[beta * s + (1 - beta) * t for s, t in zip(*rows)]
                          for rows in zip(self.gg[k], gram)]

    def refresh(self):
        m = self.back(self.m)
        for k in range(2):
            product = times(self.gg[k], self.q[k])
            size = [math.fsum(s * t for s, t in zip(*columns))
                    for columns in zip(transposed(self.q[k]), transposed(product))]
            order = sorted(range(len(size)), key=lambda i: -size[i])
            self.v = [self.v[i] for i in order] if k == 0 else [[r[i] for i in order] for r in self.v]
            self.q[k] = orthonormal([[row[i] for i in order] for row in product])
        self.m = self.into(m)

    def step(self, g):
        p = self.p
        b1, b2 = p['beta1'], p['beta2']
        if self.n == 0:
            self.gather(g)
            self.q = [eigenvectors(gg) for gg in self.gg]
            self.n = 1
            return
        lr = p['lr'] * math.sqrt(1 - power(b2, self.n)) / (1 - power(b1, self.n))
        t = self.into(g)
        self.m = [[b1 * a + (1 - b1) * b for a, b in zip(*r)] for r in zip(self.m, t)]
        self.v = [[b2 * a + (1 - b2) * b * b for a, b in zip(*r)] for r in zip(self.v, t)]
        u = self.back([[a / (math.sqrt(b) + p['eps']) for a, b in zip(*r)] for r in zip(self.m, self.v)])
        for row, change in zip(self.x, u):
            row[:] = [(a - lr * b) * (1 - p['lr'] * p['weight_decay']) for a, b in zip(row, change)]
        self.gather(g)
        if self.n % p['precondition_frequency'] == 0:
            self.refresh()
        self.n += 1


class Adafactor:
    """AlgoPerf's baseline (class Adafactor, the sharded flavour); q = g^2 + 1e-30."""

    def __init__(self, p, x, is_matrix):
        self.p, self.x, self.is_matrix, self.t = p, x, is_matrix, 0
        self.m = [[0.0] * len(x[0]) for _ in x]
        self.rows = [0.0] * len(x)
        self.columns = [0.0] * len(x[0])

    def step(self, g):
        p, d = self.p, self.p['decay_adam']
        self.t += 1
        bt = d * (1 - power(d, self.t - 1)) / (1 - power(d, self.t))
        q = [[a * a + 1e-30 for a in row] for row in g]
        mean = lambda x: math.fsum(x) / len(x)
        self.columns = [bt * a + (1 - bt) * mean(b) for a, b in zip(self.columns, zip(*q))]
        if self.is_matrix:
            self.rows = [bt * a + (1 - bt) * mean(b) for a, b in zip(self.rows, q)]
            factor = [r / mean(self.rows) for r in self.rows]
        else:
            factor = [1.0]
        u = [[a / math.sqrt(r * c) for a, c in zip(row, self.columns)] for row, r in zip(g, factor)]
        rms = math.sqrt(mean([a * a for row in u for a in row]))
        for x, m, row in zip(self.x, self.m, u):
            m[:] = [p['beta1'] * a + (1 - p['beta1']) * p['lr'] * b / max(1, rms) for a, b in zip(m, row)]
            x[:] = [(1 - p['lr'] * p['weight_decay']) * a - b for a, b in zip(x, m)]


def gauss(rng, rows, columns, scale, digits=6):
    return [[round(rng.gauss(0, 1), digits) * scale for _ in range(columns)] for _ in range(rows)]


def nearly_flat(rng, rows, columns):
    """A matrix of rank 2, and a thousandth of another one beside it."""
    a, b = gauss(rng, rows, 2, 1, 2), gauss(rng, 2, columns, 1, 2)
    rest = gauss(rng, rows, columns, 1e-3, 2)
    return [[round(s + t, 6) for s, t in zip(*r)] for r in zip(times(a, b), rest)]


def flat(matrices):
    return [x for m in matrices for row in m for x in row]


def case(name, source, notes, hyperparameters, shapes, start, gradients, make, tolerance):
    states = [make(i, [row[:] for row in x]) for i, x in enumerate(start)]
    want = []
    for step in gradients:
        for state, g in zip(states, step):
            state.step(g)
        want.append(flat(s.x for s in states))
    return {
        'schema': 'replay-case/1', 'name': name, 'optimizer': name.split('-')[0],
        'source': source, 'dtype': 'float64', 'hyperparameters': hyperparameters,
        'parameters': [{'name': f'p{i}', 'shape': s, 'kind': 'weight' if len(s) > 1 else 'bias',
                        'values': flat([x])} for i, (s, x) in enumerate(zip(shapes, start))],
        'problem': {'type': 'gradients', 'gradients': [flat(step) for step in gradients]},
        'steps': STEPS, 'gradient_evaluations': STEPS, 'expected': {'parameters': want},
        'tolerance': tolerance, 'notes': notes,
    }


def soap_case():
    rng = random.Random(1)
    p = {'lr': 0.02, 'beta1': 0.9, 'beta2': 0.95, 'shampoo_beta': -1, 'eps': 1e-8,
         'weight_decay': 0.01, 'precondition_frequency': 1, 'max_precond_dim': 10000,
         'precondition_1d': 1, 'normalize_grads': 0, 'correct_bias': 1}
    shapes = [[4, 3], [2], [1, 2]]
    start = [gauss(rng, 4, 3, 1), gauss(rng, 1, 2, 1), gauss(rng, 1, 2, 1)]
    gradients = [[gauss(rng, 4, 3, 1), gauss(rng, 1, 2, 1), gauss(rng, 1, 2, 1)] for _ in range(STEPS)]
    gradients[0][0] = nearly_flat(rng, 4, 3)
    return case('soap-gradients-c', 'tools/golden_cases.py after nikhilvyas/SOAP@a1e5535 soap.py',
                'first gradient of the matrix with one small singular value: its factors, formed in '
                'single precision, have lost that direction; vectors with bases of rank n - 1, every '
                'basis renewed at every step', p, shapes, start, gradients,
                lambda i, x: Soap(p, x), 1e-7)


def adafactor_case():
    rng = random.Random(2)
    p = {'lr': 0.01, 'beta1': 0.9, 'decay_adam': 0.99, 'weight_decay': 0.1}
    shapes = [[3, 4], [3], [2, 2], [3, 2]]
    sizes = [(3, 4), (1, 3), (2, 2), (3, 2)]
    scales = [1e-16, 1e-15, 0.0, 0.1]
    start = [gauss(rng, r, c, 1) for r, c in sizes]
    gradients = [[gauss(rng, r, c, s) for (r, c), s in zip(sizes, scales)] for _ in range(STEPS)]
    return case('adafactor-gradients-c', 'tools/golden_cases.py after mlcommons/algorithmic-efficiency@2c90454f, '
                'algorithms/archived_paper_baselines/adafactor/pytorch/submission.py (class Adafactor)',
                'gradients of 1e-16 and 1e-15, where the 1e-30 that is added to their squares decides, and '
                'none at all', p, shapes, start, gradients,
                lambda i, x: Adafactor(p, x, len(shapes[i]) > 1), 1e-9)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for c in (soap_case(), adafactor_case()):
        with open(os.path.join(sys.argv[1], c['name'] + '.json'), 'w') as f:
            f.write(json.dumps(c, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
