"""What the course teaches: NumPy originals, one idea a file, named and shaped as in `torch.nn`.

layer         the contract: parameters, gradients, forward, backward, learning or being used
perceptron    the threshold unit and Rosenblatt's rule
dense         Linear, activations, Sequential, mlp
losses        cross-entropy, squared error, binary cross-entropy
optimisers    SGD with momentum, RMSprop, Adam
initialisers  what the weights are before training
"""
