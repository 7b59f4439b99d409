"""Asks cvc5 whether the inputs of a circuit determine all its wires: unique.py SECONDS FILE.r1cs...

By hand (pip install cvc5-gpl, whose finite-field solver the BSD build lacks): what came of it is
docs/notes/analysers.md. The question is that of Picus: two assignments with the same inputs, all rows hold for
both, some wire differs. `unsat`: none exist. `sat`: the solver found two, which are checked here once more.
"""

import multiprocessing
import struct
import sys
import time

import cvc5
from cvc5 import Kind

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617


def read(path):
    data = open(path, "rb").read()
    sections, at = {}, 12
    while at < len(data):
        kind, length = struct.unpack_from("<IQ", data, at)
        sections[kind] = data[at + 12 : at + 12 + length]
        at += 12 + length
    wires, outputs, public, private, _, count = struct.unpack_from("<IIIIQI", sections[1], 36)
    rows, at = [], 0

    def combination():
        nonlocal at
        (size,) = struct.unpack_from("<I", sections[2], at)
        entries = [sections[2][at + 4 + 36 * i : at + 40 + 36 * i] for i in range(size)]
        at += 4 + 36 * size
        return [(int.from_bytes(e[4:], "little"), int.from_bytes(e[:4], "little")) for e in entries]

    for _ in range(count):
        rows.append([combination() for _ in range(3)])
    # The header counts inputs of the source; simplification may have taken some away. Labels tell them: circom 2
    # numbers outputs, public and private inputs first.
    labels = struct.unpack(f"<{wires}Q", sections[3])
    assert labels[: 1 + outputs + public] == tuple(range(1 + outputs + public)), "not numbered as by circom 2"
    inputs = [w for w, label in enumerate(labels) if outputs < label <= outputs + public + private]
    return wires, inputs, rows


def holds(rows, values):
    sides = [[sum(c * values[w] for c, w in side) % R for side in row] for row in rows]
    return all((a * b - c) % R == 0 for a, b, c in sides)


def ask(path):
    wires, inputs, rows = read(path)
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    solver.setLogic("QF_FF")
    solver.setOption("produce-models", "true")
    field = terms.mkFiniteFieldSort(str(R))
    number = lambda n: terms.mkFiniteFieldElem(str(n), field)
    first = [number(1)] + [terms.mkConst(field, f"w{i}") for i in range(1, wires)]
    second = [x if i == 0 or i in inputs else terms.mkConst(field, f"v{i}") for i, x in enumerate(first)]
    add = lambda parts: parts[0] if len(parts) == 1 else terms.mkTerm(Kind.FINITE_FIELD_ADD, *parts)
    product = lambda a, b: terms.mkTerm(Kind.FINITE_FIELD_MULT, a, b)
    for values in (first, second):
        for row in rows:
            side = lambda s: add([product(number(c), values[w]) for c, w in s] or [number(0)])
            a, b, c = map(side, row)
            solver.assertFormula(terms.mkTerm(Kind.EQUAL, product(a, b), c))
    differ = [terms.mkTerm(Kind.DISTINCT, first[i], second[i]) for i in range(1, wires) if i not in inputs]
    if not differ:
        return "nothing to ask: there are only inputs"
    solver.assertFormula(differ[0] if len(differ) == 1 else terms.mkTerm(Kind.OR, *differ))
    result = solver.checkSat()
    if result.isUnsat():
        return "unsat: the inputs determine every wire"
    if not result.isSat():
        return f"no answer: {result.getUnknownExplanation()}"
    value = lambda x: int(str(solver.getValue(x).getFiniteFieldValue())) % R
    both = [[1] + [value(x) for x in values[1:]] for values in (first, second)]
    assert all(holds(rows, values) for values in both) and both[0] != both[1], "the solver's model is none"
    different = [i for i in range(wires) if both[0][i] != both[1][i]]
    assert not set(different) & set(inputs)
    return f"sat: two assignments with the same inputs differ in wires {different[:8]}"


def answer(path, seconds):
    # In a process of its own: the solver looks at the clock too seldom to be asked to stop.
    with multiprocessing.Pool(1) as pool:
        try:
            return pool.apply_async(ask, [path]).get(seconds)
        except multiprocessing.TimeoutError:
            return "no answer in time"


if __name__ == "__main__":
    for path in sys.argv[2:]:
        begun = time.time()
        said = answer(path, int(sys.argv[1]))
        print(f"{path.rsplit('/', 1)[-1]}: {said} ({time.time() - begun:.1f} s)", flush=True)
