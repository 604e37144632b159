"""One of each explorer with a slider: whose latency is measured, and who must not draw too much."""

# The picture of the comparison: a net's output on a 120 x 120 grid, and 200 points.
PICTURE = """
import numpy as np
from ipywidgets import FloatSlider
from dlkit.data import moons
from dlkit.models.dense import mlp

data = moons(200, rng=np.random.default_rng(0))
x, y = data.x_train, data.y_train
net = mlp((2, 16, 16, 1), rng=np.random.default_rng(1), dtype=np.float64)
PIXELS = {"origin": "lower", "interpolation": "nearest"}
axis = np.linspace(-3, 3, 120)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

def slider():
    return FloatSlider(value=1, min=0.5, max=4.5, step=0.05, description="scale")

def heights(scale):
    return np.tanh(3 * net(scale * grid)).reshape(120, 120)

def show(axes, z):
    image = axes.imshow(z, extent=(-3, 3, -3, 3), vmin=-1, vmax=1, cmap="PuOr", **PIXELS)
    axes.scatter(*x.T, c=y, cmap="PuOr", edgecolors="k")
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-3, 3), ylim=(-3, 3), title="The net's output")
    return image
"""
BOUNDARY = """
from dlkit.widgets import Explorer

class Boundary(Explorer):
    title, size = "Decision boundary", (5, 4)

    def controls(self):
        return {"scale": slider()}

    compute = staticmethod(heights)

    def build(self, figure):
        self.image = show(figure.subplots(), self.compute(1.0))
        self.live(self.image)

    def draw(self, z):
        self.image.set_data(z)

    def describe(self, z):
        return f"{100 * (z > 0).mean():.0f} % of the plane is positive."

Boundary()
"""
CHAPTER_00 = "from dlkit.widgets.ch00_start import *\n"
CHAPTER_01 = "from dlkit.widgets.ch01_perceptron import *\n"
CHAPTER_02 = "from dlkit.widgets.ch02_backpropagation import *\n"
CHAPTER_03 = "from dlkit.widgets.ch03_vanishing_gradients import *\n"
CHAPTER_04 = "from dlkit.widgets.ch04_rbm import *\n"
CHAPTER_05 = "from dlkit.widgets.ch05_dbn import *\n"
CHAPTER_06 = "from dlkit.widgets.ch06_dropout import *\n"
CHAPTER_07 = "from dlkit.widgets.ch07_cnn import *\n"
CHAPTER_08 = "from dlkit.widgets.ch08_rnn import *\n"
CHAPTER_09 = "from dlkit.widgets.ch09_dqn import *\n"
GIBBS = CHAPTER_04 + "g = GibbsChain()\ng.advance(80)\ng"
COMPLETE = CHAPTER_04 + "c = CompleteMyDigit()\nc.show_digit()\nc.advance(80)\nc"
PAINTED = CHAPTER_09 + "p = PaintTheWorld(unit='10 episodes')\np.advance(60)\np"
OVERFIT = CHAPTER_06 + "o = OverfitOnPurpose()\no.advance(60)\no"
# Under its name: the source of a cell that shows it, and the accessible name of its main slider.
EXPLORERS = {
    "decision boundary": (PICTURE + BOUNDARY, "scale"),
    "00 timeline": (CHAPTER_00 + "Timeline()", "event"),
    "00 smooth neuron": (CHAPTER_00 + "SmoothNeuron()", "weight w"),
    "01 threshold neuron": (CHAPTER_01 + "ThresholdNeuron()", "weight 1"),
    "01 Rosenblatt, rewinding": (CHAPTER_01 + "r = RosenblattRule()\nr.advance(80)\nr", "step"),
    "02 computational graph": (CHAPTER_02 + "ComputationalGraph(step=15)", "w"),
    "02 playground, rewinding": (CHAPTER_02 + "p = Playground()\np.advance(200)\np", "pass"),
    "02 gradient microscope": (CHAPTER_02 + "GradientMicroscope()", "log₁₀ h"),
    "02 loss landscape": (CHAPTER_02 + "LossLandscape()", "momentum μ"),
    "03 gradient profile": (CHAPTER_03 + "GradientProfile()", "times gain"),
    "03 training, rewinding": (CHAPTER_03 + "t = TrainItAnyway()\nt.advance(80)\nt", "step"),
    "04 energy landscape": (CHAPTER_04 + "EnergyLandscape()", "weight h₁v₁"),
    "04 Gibbs chains, rewinding": (GIBBS, "step"),
    "04 complete my digit, rewinding": (COMPLETE, "step"),
    "04 CD training, rewinding": (CHAPTER_04 + "t = CDTraining()\nt.advance(40)\nt", "step"),
    "05 stack it, rewinding": (CHAPTER_05 + "s = StackIt()\ns.advance(60)\ns", "step"),
    "05 generate, rewinding": (CHAPTER_05 + "g = Generate()\ng.advance(200)\ng", "step"),
    "05 labels": (CHAPTER_05 + "LabelsAgainstPretraining()", "labels"),
    "06 mask": (CHAPTER_06 + "TheMask()", "dropout p now"),
    "06 overfit, rewinding": (OVERFIT, "step"),
    "06 ensemble": (CHAPTER_06 + "DropoutEnsemble()", "nets asked"),
    "07 kernel lab": (CHAPTER_07 + "KernelLab()", "stride"),
    "07 shift test": (CHAPTER_07 + "s = ShiftTest()\ns.show_digit()\ns", "move right by"),
    "07 receptive field": (CHAPTER_07 + "ReceptiveField()", "kernel"),
    "07 what it sees": (CHAPTER_07 + "s = WhatItSees()\ns.show_digit()\ns", "covering square"),
    "08 Hopfield memory, rewinding": (
        CHAPTER_08 + "h = HopfieldMemory()\nh.advance(28)\nh",
        "step",
    ),
    "08 reservoir": (CHAPTER_08 + "Reservoir()", "spectral radius"),
    "08 unrolled": (CHAPTER_08 + "Unrolled()", "spectral radius"),
    "08 writer, rewinding": (CHAPTER_08 + "w = Writer()\nw.advance(80)\nw", "step"),
    "09 paint the world, rewinding": (PAINTED, "step"),
    "09 deep Q-network, rewinding": (CHAPTER_09 + "w = DQNAtWork()\nw.advance(60)\nw", "step"),
    "09 you against the agent": (CHAPTER_09 + "YouAgainstTheAgent()", "round"),
}
