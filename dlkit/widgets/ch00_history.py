"""The history that the course replays, as a plain table: what happened, why it mattered, where it
was published, and which chapter replays it or tells of it.

The year is that of the publication named first in `paper`. What no paper says is left out.
"""

from dataclasses import dataclass

LANES = ("ideas", "machines", "data")

# Each chapter's file, and the question it asks.
START = {"00_start": "What is here, does this machine run it, how far am I?"}
CHAPTERS = {
    "01_perceptron": "What can one neuron learn, and what can it never learn?",
    "02_backpropagation": "How do hidden layers learn?",
    "03_vanishing_gradients": "Why did deep networks not train?",
    "04_rbm": "Can a network learn without being told the answer?",
    "05_dbn": "How did stacking make deep networks train?",
    "06_dropout": "How does a large network not learn by heart?",
    "07_cnn": "How does a network see?",
    "08_rnn": "How does a network remember?",
    "09_dqn": "How does a network learn from reward?",
}

# What the short names of chapters stand for.
LONG_NAMES = {
    "04_rbm": "restricted Boltzmann machine",
    "05_dbn": "deep belief net",
    "07_cnn": "convolutional neural network",
    "08_rnn": "recurrent neural network",
    "09_dqn": "deep Q-network",
}


@dataclass(frozen=True)
class Event:
    """One entry: `key` names it in code, `label` in the picture, `title` above its text."""

    key: str
    year: int
    label: str
    lane: str
    chapter: str
    title: str
    what: str
    why: str
    paper: str


@dataclass(frozen=True)
class Winter:
    """Years in which funding of artificial intelligence fell, as they are commonly given."""

    start: int
    end: int
    name: str


# The name was made popular by "The dark ages of AI: a panel discussion at AAAI-84", AI Magazine
# 6(3), 1985. The years are those most often given (Wikipedia, "AI winter"; D. Crevier, "AI: the
# tumultuous history of the search for artificial intelligence", 1993, tells the first winter and
# how the second began); some sources let the second one last longer. They speak of the whole
# field, not of neural networks alone.
WINTERS = (Winter(1974, 1980, "first AI winter"), Winter(1987, 1993, "second AI winter"))

EVENTS = (
    Event(
        "mcculloch-pitts",
        1943,
        "McCulloch–Pitts",
        "ideas",
        "01_perceptron",
        "A neuron is a logical switch",
        "Warren McCulloch and Walter Pitts describe a nerve cell as a switch that fires when "
        "enough of its exciting inputs do, and no inhibiting input does. Nets of such switches can "
        "compute any proposition of logic.",
        "The brain became something one can calculate with. Nothing in these nets learned yet.",
        'W. S. McCulloch, W. Pitts, "A logical calculus of the ideas immanent in nervous '
        'activity", Bulletin of Mathematical Biophysics 5, 115–133, 1943',
    ),
    Event(
        "perceptron",
        1958,
        "Perceptron",
        "ideas",
        "01_perceptron",
        "Rosenblatt's perceptron learns",
        "Frank Rosenblatt proposes a net of threshold neurons whose connections change with "
        "experience, so that it learns to tell patterns apart. A report of 1957 came first.",
        "A machine is shown examples in place of rules.",
        'F. Rosenblatt, "The perceptron: a probabilistic model for information storage and '
        'organization in the brain", Psychological Review 65(6), 386–408, 1958',
    ),
    Event(
        "mark-1",
        1960,
        "Mark I Perceptron",
        "machines",
        "01_perceptron",
        "The Mark I Perceptron: motors turn the weights",
        "The Cornell Aeronautical Laboratory builds the perceptron as a machine. A grid of 20 by "
        "20 photocells looks at a picture; motors turn the potentiometers that hold the weights.",
        "Learning got hardware of its own, half a century before graphics processors did the work.",
        'J. C. Hay and others, "Mark I Perceptron operators\' manual", Cornell Aeronautical '
        "Laboratory, report VG-1196-G-5, 1960",
    ),
    Event(
        "convergence",
        1962,
        "Convergence",
        "ideas",
        "01_perceptron",
        "The perceptron's mistakes are finite",
        "Albert Novikoff proves: if a line separates the two classes, the learning rule finds one "
        "after a number of mistakes that is bounded.",
        "It is one of the first theorems about a machine that learns, and it is short.",
        'A. B. J. Novikoff, "On convergence proofs on perceptrons", Symposium on the '
        "Mathematical Theory of Automata, 615–622, 1962",
    ),
    Event(
        "minsky-papert",
        1969,
        "Minsky–Papert",
        "ideas",
        "01_perceptron",
        "What perceptrons cannot compute",
        "Marvin Minsky and Seymour Papert prove that simple perceptrons cannot compute some easy "
        "things: parity, of which XOR is the smallest case, or whether a figure is connected.",
        "Several layers can, but nobody knew well how to train them. The book is often named as "
        "one reason why support turned away from neural networks.",
        'M. Minsky, S. Papert, "Perceptrons: an introduction to computational geometry", '
        "MIT Press, 1969",
    ),
    Event(
        "werbos",
        1974,
        "Werbos",
        "ideas",
        "02_backpropagation",
        "A thesis passes derivatives backward",
        "Paul Werbos computes how a result depends on each of many parameters by passing "
        "derivatives backward, step by step, and uses it to fit models to data. Seppo Linnainmaa "
        "had described such a backward sweep in general in 1970.",
        "The method that trains neural networks was there, long before the field took it up.",
        'P. J. Werbos, "Beyond regression: new tools for prediction and analysis in the '
        'behavioral sciences", PhD thesis, Harvard University, 1974',
    ),
    Event(
        "neocognitron",
        1980,
        "Neocognitron",
        "ideas",
        "07_cnn",
        "A network that sees wherever the pattern is",
        "Kunihiko Fukushima builds a network whose layers look for the same small features "
        "everywhere in a picture, and tolerate a shift of them.",
        "This is still the plan of networks that see. It was not trained by backpropagation.",
        'K. Fukushima, "Neocognitron: a self-organizing neural network model for a mechanism of '
        'pattern recognition unaffected by shift in position", Biological Cybernetics 36, '
        "193–202, 1980",
    ),
    Event(
        "hopfield",
        1982,
        "Hopfield net",
        "ideas",
        "08_rnn",
        "A memory that is found by falling",
        "John Hopfield describes a network of units that all hear each other. It has an energy, "
        "and from a spoiled pattern it falls to the stored one.",
        "A whole is recalled from a part, and physics has its first word on learning machines.",
        'J. J. Hopfield, "Neural networks and physical systems with emergent collective '
        'computational abilities", Proceedings of the National Academy of Sciences 79(8), '
        "2554–2558, 1982",
    ),
    Event(
        "harmonium",
        1986,
        "Harmonium",
        "ideas",
        "04_rbm",
        "Two layers that agree with each other",
        "Paul Smolensky describes the harmonium: visible and hidden units, with connections only "
        "between the two kinds. Its energy says how well they fit together.",
        "Today it is called restricted Boltzmann machine. How to train it fast was found later.",
        'P. Smolensky, "Information processing in dynamical systems: foundations of harmony '
        'theory", in Parallel Distributed Processing, volume 1, MIT Press, 1986',
    ),
    Event(
        "backpropagation",
        1986,
        "Backpropagation",
        "ideas",
        "02_backpropagation",
        "Hidden layers learn",
        "David Rumelhart, Geoffrey Hinton and Ronald Williams train hidden units by passing the "
        "error backward, and show that these units come to stand for useful features.",
        "Networks of several layers could be trained, and everybody could read how.",
        'D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by '
        'back-propagating errors", Nature 323, 533–536, 1986',
    ),
    Event(
        "zip-codes",
        1989,
        "Zip codes",
        "ideas",
        "07_cnn",
        "A convolutional network reads zip codes",
        "Yann LeCun and colleagues train a convolutional network by backpropagation on handwritten "
        "digits from real letters: 7,291 to learn from, 2,007 to test.",
        "The network learned its features from the pixels; nobody had to design them.",
        "Y. LeCun, B. Boser, J. S. Denker, D. Henderson, R. E. Howard, W. Hubbard, L. D. Jackel, "
        '"Backpropagation applied to handwritten zip code recognition", Neural Computation 1(4), '
        "541–551, 1989",
    ),
    Event(
        "q-learning",
        1989,
        "Q-learning",
        "ideas",
        "09_dqn",
        "To learn from rewards that come late",
        "Christopher Watkins learns for each state and action how much reward will follow, from "
        "each step as it comes, and needs no model of the world.",
        "One table and one line of learning find the best way to act; the network came later.",
        'C. J. C. H. Watkins, "Learning from delayed rewards", PhD thesis, University of '
        "Cambridge, 1989",
    ),
    Event(
        "elman",
        1990,
        "Elman net",
        "ideas",
        "08_rnn",
        "A network gets a memory",
        "Jeffrey Elman feeds a network its own hidden state of the step before, and it learns the "
        "structure of sequences such as letters and words.",
        "What was seen before could now matter. How far back it reaches became the question.",
        'J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 179–211, 1990',
    ),
    Event(
        "hochreiter",
        1991,
        "Hochreiter",
        "ideas",
        "03_vanishing_gradients",
        "Gradients vanish or explode",
        "Sepp Hochreiter shows in his diploma thesis that an error signal shrinks or grows "
        "exponentially on its way back through many layers or time steps.",
        "It says why deep and recurrent networks learned so badly, and what has to be mended.",
        'S. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, '
        "Technische Universität München, 1991",
    ),
    Event(
        "svm",
        1992,
        "SVM",
        "ideas",
        "01_perceptron",
        "The years of the support vector machine begin",
        "Bernhard Boser, Isabelle Guyon and Vladimir Vapnik look for the boundary with the widest "
        "margin. In 1995 Corinna Cortes and Vapnik let it tolerate errors.",
        "It has a single optimum and a theory, and worked well with few examples. For many years "
        "it was often preferred to neural networks.",
        'B. E. Boser, I. M. Guyon, V. N. Vapnik, "A training algorithm for optimal margin '
        'classifiers", COLT, 144–152, 1992; C. Cortes, V. Vapnik, "Support-vector networks", '
        "Machine Learning 20, 273–297, 1995",
    ),
    Event(
        "lstm",
        1997,
        "LSTM",
        "ideas",
        "08_rnn",
        "A memory cell that keeps its error",
        "Sepp Hochreiter and Jürgen Schmidhuber build a recurrent unit whose cell passes the error "
        "back unchanged, while gates decide what is written and read.",
        "Networks could learn what to remember over hundreds of steps.",
        'S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), '
        "1735–1780, 1997",
    ),
    Event(
        "mnist",
        1998,
        "MNIST",
        "data",
        "02_backpropagation",
        "One set of digits for everybody",
        "Yann LeCun, Léon Bottou, Yoshua Bengio and Patrick Haffner compare many methods on one "
        "set: 60,000 handwritten digits to learn from, 10,000 to test.",
        "Results became comparable. The chapters learn from digits of this set, too.",
        'Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document '
        'recognition", Proceedings of the IEEE 86(11), 2278–2324, 1998',
    ),
    Event(
        "echo-state",
        2001,
        "Echo state",
        "ideas",
        "08_rnn",
        "A memory that is not trained",
        "Herbert Jaeger leaves a large recurrent network as chance made it and learns only what "
        "is read from it, by linear regression.",
        "The best readout is found at once, at a time when recurrent networks were hard to train.",
        'H. Jaeger, "The "echo state" approach to analysing and training recurrent neural '
        'networks", GMD Report 148, German National Research Center for Information Technology, '
        "2001",
    ),
    Event(
        "contrastive-divergence",
        2002,
        "Fast RBM training",
        "ideas",
        "04_rbm",
        "A short walk is enough",
        "Geoffrey Hinton trains the restricted Boltzmann machine by contrastive divergence: a few "
        "steps of sampling, started at the data, stand in for endless sampling.",
        "Learning without labels became fast enough to be stacked.",
        'G. E. Hinton, "Training products of experts by minimizing contrastive divergence", '
        "Neural Computation 14(8), 1771–1800, 2002",
    ),
    Event(
        "dbn",
        2006,
        "Deep belief nets",
        "ideas",
        "05_dbn",
        "Deep networks, layer by layer",
        "Geoffrey Hinton, Simon Osindero and Yee-Whye Teh train a deep network one layer at a "
        "time, each on what the layer below has found.",
        "Deep networks trained after all, and the field began to speak of deep learning.",
        'G. E. Hinton, S. Osindero, Y.-W. Teh, "A fast learning algorithm for deep belief nets", '
        "Neural Computation 18(7), 1527–1554, 2006",
    ),
    Event(
        "autoencoders",
        2006,
        "Hinton–Salakhutdinov",
        "ideas",
        "05_dbn",
        "Deep autoencoders compress pictures",
        "Geoffrey Hinton and Ruslan Salakhutdinov start a deep autoencoder from stacked restricted "
        "Boltzmann machines. It compresses pictures and texts better than linear methods do.",
        "A paper in Science told it to readers far beyond the field.",
        'G. E. Hinton, R. R. Salakhutdinov, "Reducing the dimensionality of data with neural '
        'networks", Science 313, 504–507, 2006',
    ),
    Event(
        "gpus",
        2009,
        "GPUs",
        "machines",
        "05_dbn",
        "Graphics processors train deep belief nets",
        "Rajat Raina, Anand Madhavan and Andrew Ng train deep belief nets on graphics processors. "
        "A network of 100 million parameters takes about a day in place of several weeks. They are "
        "not the first: convolutional networks were trained on such processors in 2006.",
        "What had been too slow to try could be tried.",
        'R. Raina, A. Madhavan, A. Y. Ng, "Large-scale deep unsupervised learning using graphics '
        'processors", ICML, 873–880, 2009; K. Chellapilla, S. Puri, P. Simard, "High performance '
        'convolutional neural networks for document processing", IWFHR, 2006',
    ),
    Event(
        "imagenet",
        2009,
        "ImageNet",
        "data",
        "07_cnn",
        "Millions of labelled pictures",
        "Jia Deng, Li Fei-Fei and colleagues collect 3.2 million pictures in 5,247 categories, "
        "with labels checked by people on the internet.",
        "Data was large enough for large networks, and a yearly competition soon followed.",
        "J. Deng, W. Dong, R. Socher, L.-J. Li, K. Li, L. Fei-Fei, "
        '"ImageNet: a large-scale hierarchical image database", CVPR, 248–255, 2009',
    ),
    Event(
        "cat-neuron",
        2012,
        "Cat neuron",
        "machines",
        "05_dbn",
        "A neuron finds cats by itself",
        "Quoc Le and colleagues train a network of a billion connections on ten million pictures "
        "without labels, on 1,000 machines for three days. One unit answers to faces, one to cats.",
        "Size itself had become a method. A first report is of December 2011.",
        "Q. V. Le, M. Ranzato, R. Monga, M. Devin, K. Chen, G. S. Corrado, J. Dean, A. Y. Ng, "
        '"Building high-level features using large scale unsupervised learning", ICML, 2012',
    ),
    Event(
        "dropout",
        2012,
        "Dropout",
        "ideas",
        "06_dropout",
        "Leave out half of the network",
        "Geoffrey Hinton, Nitish Srivastava and colleagues leave out a random half of the hidden "
        "units for each training example.",
        "No unit can rely on particular others, and large networks learn less by heart.",
        "G. E. Hinton, N. Srivastava, A. Krizhevsky, I. Sutskever, R. R. Salakhutdinov, "
        '"Improving neural networks by preventing co-adaptation of feature detectors", '
        "arXiv:1207.0580, 2012",
    ),
    Event(
        "alexnet",
        2012,
        "AlexNet",
        "ideas",
        "07_cnn",
        "AlexNet wins ImageNet",
        "Alex Krizhevsky, Ilya Sutskever and Geoffrey Hinton train a large convolutional network "
        "on two graphics cards. Their entry averages seven such networks, two of them trained on "
        "more pictures before. Its five guesses miss the answer for 15.3 % of the pictures, those "
        "of the second best entry for 26.2 %.",
        "Idea, machine and data met, and computer vision turned to neural networks.",
        'A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep '
        'convolutional neural networks", NIPS 25, 1097–1105, 2012',
    ),
    Event(
        "atari",
        2013,
        "Atari games",
        "data",
        "09_dqn",
        "A playground for agents",
        "Marc Bellemare, Yavar Naddaf, Joel Veness and Michael Bowling turn the games of the Atari "
        "2600 into one common test for agents that learn.",
        "One agent can be measured on many tasks that nobody made for it.",
        'M. G. Bellemare, Y. Naddaf, J. Veness, M. Bowling, "The arcade learning environment: an '
        'evaluation platform for general agents", Journal of Artificial Intelligence Research 47, '
        "253–279, 2013",
    ),
    Event(
        "dqn",
        2013,
        "DQN",
        "ideas",
        "09_dqn",
        "A network learns to play from pixels",
        "Volodymyr Mnih and colleagues train one network to play seven Atari games from the pixels "
        "and the score. It beats earlier methods on six of them.",
        "Deep learning and learning from reward came together.",
        "V. Mnih, K. Kavukcuoglu, D. Silver, A. Graves, I. Antonoglou, D. Wierstra, M. Riedmiller, "
        '"Playing Atari with deep reinforcement learning", arXiv:1312.5602, 2013',
    ),
    Event(
        "dqn-nature",
        2015,
        "DQN in Nature",
        "ideas",
        "09_dqn",
        "49 games, one recipe",
        "The deep Q-network plays 49 Atari games with the same network and settings, at a level "
        "comparable to a professional human tester.",
        "One general recipe did what had been tuned game by game. Here the course ends.",
        'V. Mnih and others, "Human-level control through deep reinforcement learning", '
        "Nature 518, 529–533, 2015",
    ),
)
