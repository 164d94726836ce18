/* FANN's own epochs, one batch step each (FANN_TRAIN_BATCH), the error included.
   FANN_HEADER ("floatfann.h" or "doublefann.h") comes from the compiler's command line. */
#include FANN_HEADER

/* The weights, updated in place, are in FANN's order: neuron by neuron its inputs, then its bias.
   Returns FANN's mean squared error of the last epoch's pass, −1 where no network could be made. */
double descent(unsigned layers, const unsigned *sizes, int activation, double steepness,
               unsigned n, const fann_type *x, const fann_type *y, fann_type *weights, double rate,
               long epochs) {
    struct fann *network = fann_create_standard_array(layers, sizes);
    struct fann_train_data *data = fann_create_train(n, sizes[0], sizes[layers - 1]);
    double error = -1;
    if (network && data) {
        fann_set_activation_function_hidden(network, activation);
        fann_set_activation_function_output(network, activation);
        fann_set_activation_steepness_hidden(network, steepness);
        fann_set_activation_steepness_output(network, steepness);
        fann_set_training_algorithm(network, FANN_TRAIN_BATCH);
        fann_set_train_error_function(network, FANN_ERRORFUNC_LINEAR);
        fann_set_learning_rate(network, rate);
        for (unsigned i = 0; i < n; i++) {
            for (unsigned j = 0; j < sizes[0]; j++) data->input[i][j] = *x++;
            for (unsigned j = 0; j < sizes[layers - 1]; j++) data->output[i][j] = *y++;
        }
        unsigned number = fann_get_total_connections(network);
        for (unsigned i = 0; i < number; i++) network->weights[i] = weights[i];
        for (long epoch = 0; epoch < epochs; epoch++) error = fann_train_epoch(network, data);
        for (unsigned i = 0; i < number; i++) weights[i] = network->weights[i];
    }
    if (data) fann_destroy_train(data);
    if (network) fann_destroy(network);
    return error;
}
