"""A small expression as a graph: values forward, gradients backward, one operation at a time.

Backpropagation needs two things of an operation: its value, and its local derivative with respect
to each input. Everything else is bookkeeping (S. Linnainmaa 1970; D. Rumelhart, G. Hinton,
R. Williams, "Learning representations by back-propagating errors", 1986).
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

NAMES = ("x", "y", "w", "v", "b", "d")
MOST_OPERATIONS, DEEPEST = 14, 8  # what fits into a picture


@dataclass(frozen=True)
class Operation:
    """What a box of the graph does.

    value(*inputs) -> output; slopes[k](*inputs, output) is ∂output/∂input k; formulas[k] writes
    that derivative with a, b for the inputs and u for the output; lesson says what it means.
    """

    symbol: str
    value: Callable[..., float]
    slopes: tuple[Callable[..., float], ...]
    formulas: tuple[str, ...]
    lesson: str


OPERATIONS = {
    "+": Operation(
        "+",
        lambda a, b: a + b,
        (lambda a, b, u: 1.0, lambda a, b, u: 1.0),
        ("1", "1"),
        "a sum hands the gradient on unchanged",
    ),
    "-": Operation(
        "−",
        lambda a, b: a - b,
        (lambda a, b, u: 1.0, lambda a, b, u: -1.0),
        ("1", "−1"),
        "a difference hands the gradient on, with the sign turned for what is taken away",
    ),
    "*": Operation(
        "×",
        lambda a, b: a * b,
        (lambda a, b, u: b, lambda a, b, u: a),
        ("{b}", "{a}"),
        "in a product each factor gets the gradient times the other factor",
    ),
    "/": Operation(
        "÷",
        lambda a, b: a / b,
        (lambda a, b, u: 1 / b, lambda a, b, u: -a / b**2),
        ("1/{b}", "−{a}/{b}²"),
        "a small denominator makes both gradients large",
    ),
    "neg": Operation(
        "−", lambda a: -a, (lambda a, u: -1.0,), ("−1",), "the sign of the gradient turns"
    ),
    "sigmoid": Operation(
        "σ",
        lambda a: 0.5 * (math.tanh(0.5 * a) + 1),
        (lambda a, u: u * (1 - u),),
        ("{u}(1 − {u})",),
        "the slope of σ is at most 1/4, and almost 0 far from the middle",
    ),
    "tanh": Operation(
        "tanh",
        math.tanh,
        (lambda a, u: 1 - u**2,),
        ("1 − {u}²",),
        "the slope of tanh is 1 in the middle, and almost 0 far from it",
    ),
    "relu": Operation(
        "ReLU",
        lambda a: max(a, 0.0),
        (lambda a, u: float(a > 0),),
        ("1 if {a} > 0, otherwise 0",),
        "ReLU passes the whole gradient or nothing at all",
    ),
    "exp": Operation("exp", math.exp, (lambda a, u: u,), ("{u}",), "exp is its own derivative"),
    "log": Operation(
        "log", math.log, (lambda a, u: 1 / a,), ("1/{a}",), "log is steep where its input is small"
    ),
    "sqrt": Operation(
        "√",
        math.sqrt,
        (lambda a, u: 1 / (2 * u),),
        ("1/(2{u})",),
        "the root is steep where its input is small",
    ),
}


def power(n: float) -> Operation:
    """a to the constant n, with the derivative n aⁿ⁻¹."""
    raised = "⁻" * (n < 0) + f"{abs(n):g}".translate(str.maketrans("0123456789.", "⁰¹²³⁴⁵⁶⁷⁸⁹·"))
    factor = "2{a}" if n == 2 else f"{n:g}" + "·{a}^" + f"{n - 1:g}"
    return Operation(
        f"( )^{n:g}" if "·" in raised else f"( ){raised}",
        lambda a: a**n,
        (lambda a, u: n * a ** (n - 1) if n else 0.0,),
        (factor,),
        "the farther from 0, the larger the slope" if n == 2 else "a power lowers its exponent",
    )


@dataclass(frozen=True)
class Node:
    """An input or a constant (no operation), or an operation on earlier nodes."""

    name: str  # x, 2, u₃, L
    operation: Operation | None = None
    inputs: tuple[int, ...] = ()
    constant: float | None = None


Graph = tuple[Node, ...]  # every node after its inputs; the last one is the output


def parse(expression: str) -> Graph:
    """Turn text such as "(sigmoid(w*x + b) - d)**2" into a graph.

    Raises `ValueError` with a sentence for whatever is not an expression of at most
    `MOST_OPERATIONS` operations on `NAMES`, numbers and the functions of `OPERATIONS`.
    """
    if not isinstance(expression, str):
        raise ValueError(f"expression must be text such as 'w*x + b', got {expression!r}")
    text = expression.translate(str.maketrans({"×": "*", "·": "*", "−": "-", "÷": "/"})).strip()
    if not text:
        raise ValueError("expression is empty: type one, for example w*x + b")
    if len(text) > 200:
        raise ValueError(f"expression must have at most 200 characters, got {len(text)}")
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            f"expression {expression!r} cannot be read: write products with *, powers with ** "
            "or ^, and close every bracket, for example (w*x + b)**2"
        ) from None
    count = sum(_is_operation(part) for part in ast.walk(tree))
    if count > MOST_OPERATIONS:
        raise ValueError(
            f"expression has {count} operations; {MOST_OPERATIONS} fit the picture at most"
        )
    nodes: list[Node] = []
    places: dict[str, int] = {}  # one node for each name, however often it is used

    def add(node: Node) -> int:
        nodes.append(node)
        return len(nodes) - 1

    def operate(operation: Operation, *inputs: ast.expr) -> int:
        places_of_inputs = tuple(visit(tree) for tree in inputs)
        number = sum(node.operation is not None for node in nodes) + 1
        name = "u" + str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
        return add(Node(name, operation, places_of_inputs))

    def visit(tree: ast.expr) -> int:
        match tree:
            case ast.Name(id=name):
                if name not in NAMES:
                    raise ValueError(
                        f"expression has the name {name!r}; its inputs are called "
                        f"{', '.join(NAMES)}"
                    )
                if name not in places:
                    places[name] = add(Node(name))
                return places[name]
            case ast.Constant() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                value = _constant(tree)
                return add(Node(f"{value:g}".replace("-", "−"), constant=value))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return operate(OPERATIONS["neg"], operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return operate(power(_constant(right)), left)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
                return operate(OPERATIONS[_SIGNS[type(op)]], left, right)
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]):
                name = {"σ": "sigmoid", "ReLU": "relu"}.get(name, name)
                if name not in _FUNCTIONS:
                    raise ValueError(
                        f"expression has the function {name!r}; there are {', '.join(_FUNCTIONS)}"
                    )
                return operate(OPERATIONS[name], argument)
        raise ValueError(
            f"expression has {ast.unparse(tree)!r}, which is none of + − * / **, a number, a name "
            f"({', '.join(NAMES)}) or a function of one input ({', '.join(_FUNCTIONS)})"
        )

    visit(tree)
    deepest = max(depths(nodes))
    if deepest > DEEPEST:
        raise ValueError(
            f"expression is {deepest} operations deep; {DEEPEST} fit the picture at most"
        )
    if nodes[-1].operation:
        nodes[-1] = Node("L", nodes[-1].operation, nodes[-1].inputs)
    return tuple(nodes)


_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS = ("sigmoid", "tanh", "relu", "exp", "log", "sqrt")


def _is_operation(part: ast.AST) -> bool:
    """Whether this part of a formula is a box of the graph; −2 is a number."""
    if isinstance(part, ast.UnaryOp):
        return not isinstance(part.operand, ast.Constant)
    return isinstance(part, (ast.BinOp, ast.Call))


def _constant(tree: ast.expr) -> float:
    match tree:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_constant(operand)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if abs(value) < 1e6:
                return float(value)
            raise ValueError(
                "expression has a number that is too large: numbers must stay below a million"
            )
    raise ValueError(
        f"expression has {ast.unparse(tree)!r} where a plain number is expected, such as 2 in x**2"
    )


def depths(nodes: Sequence[Node]) -> list[int]:
    """For each node, how many operations lie between the farthest input and its output."""
    depth: list[int] = []
    for node in nodes:
        depth.append(1 + max(depth[i] for i in node.inputs) if node.inputs else 0)
    return depth


def forward(graph: Graph, inputs: Mapping[str, float]) -> list[float]:
    """The value of every node. Raises `ValueError` where one is not a finite number."""
    values: list[float] = []
    for node in graph:
        if node.operation is None:
            value = inputs[node.name] if node.constant is None else node.constant
        else:
            operands = [values[i] for i in node.inputs]
            try:
                value = node.operation.value(*operands)
            except (ValueError, OverflowError, ZeroDivisionError):
                value = math.nan
            if isinstance(value, complex) or not math.isfinite(value):
                shown = " and ".join(f"{operand:.3g}" for operand in operands)
                raise ValueError(
                    f"{node.name} has no finite value: {node.operation.symbol} of {shown}; "
                    "choose other inputs"
                )
        values.append(float(value))
    return values


def slopes(graph: Graph, values: Sequence[float], node: int) -> list[float]:
    """∂node/∂input for each input of the node, at these values.

    Raises `ValueError` where there is none, as for a root at 0.
    """
    operation, operands = graph[node].operation, [values[i] for i in graph[node].inputs]
    try:
        local = [slope(*operands, values[node]) for slope in operation.slopes]
        if all(map(math.isfinite, local)):
            return local
    except (OverflowError, ZeroDivisionError):
        pass
    raise ValueError(
        f"{graph[node].name} has no finite slope at {operands[0]:.3g}; choose other inputs"
    )


def backward(graph: Graph, values: Sequence[float]) -> list[list[float]]:
    """∂L/∂node for every node, after each step of the backward pass.

    The first entry knows only ∂L/∂L = 1; in each further one, one more operation, from the last
    to the first, has handed its gradient on to its inputs. What meets at a node adds up.
    """
    gradients = [0.0] * len(graph)
    gradients[-1] = 1.0
    steps = [gradients.copy()]
    for place in reversed(range(len(graph))):
        if graph[place].operation is None:
            continue
        for i, slope in zip(graph[place].inputs, slopes(graph, values, place), strict=True):
            gradients[i] += gradients[place] * slope  # the chain rule
        steps.append(gradients.copy())
    return steps
