"""What the course teaches: NumPy originals, one idea a file, named and shaped as in `torch.nn`.

layer         the contract: parameters, gradients, forward, backward, learning or being used
perceptron    the threshold unit and Rosenblatt's rule
dense         Linear, activations, Sequential, mlp
losses        cross-entropy, squared error, binary cross-entropy
optimisers    SGD with momentum, RMSprop, Adam
initialisers  what the weights are before training
dropout       units left out by chance while the net learns
regularisers  L1 by soft threshold, max-norm
rbm           the restricted Boltzmann machine, contrastive divergence, Gaussian visible units;
              rbm_torch is its twin
partition     the partition function: exact by enumeration, annealed importance sampling;
              partition_torch anneals on a GPU
exact         the likelihood's gradient and the mean update of CD, by enumeration
boltzmann     the general Boltzmann machine, every unit tied to every other
dbn           the deep belief net: RBMs stacked, with labels on top or without
normalisation batch and layer normalisation
residual      a way round a layer: y = x + F(x)
tabular       value iteration, Q-learning and SARSA on a table
dqn           the deep Q-network: replay memory, target network, double DQN; dqn_torch is its twin
convolution   Conv2d and pooling: one small detector at every place of a picture
graphs_torch  a training step recorded once and played again by the GPU
neocognitron  Fukushima's net of S- and C-cells, which learns to see without labels
lenet         LeCun's nets of 1989 and 1998, a LeNet of today, AlexNet to look at; how to count them
recurrent     nets with a memory: RNN, LSTM, GRU, both ways through a sequence, clipping
hopfield      an associative memory: Hebb's rule, energy, recall
reservoir     the echo state network: a random recurrent net and a readout by ridge regression
"""
