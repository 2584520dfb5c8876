// What a kernel is told: plain data, the same for every level of instructions.

#pragma once

#include <cstddef>
#include <cstdint>

namespace sklstm {

// One direction of one layer.
struct Cell {
    int n_inputs, units;
    ptrdiff_t weights, bias;  // where they begin in the flat vector
};

// The shape of a network, and how its weights lie in one flat vector: for each cell
// panels of its gates (output unit * 4 + gate, gates in the order i, f, g, o) by its
// inputs and hidden state, and their biases; last the output layer.
struct Network {
    int n_layers, n_directions, n_outputs;
    int window, n_channels, patch, n_steps;
    bool is_relu;
    const Cell* cells;
    ptrdiff_t output_weights, output_bias, n_weights;

    const Cell& cell(int layer, int direction) const {
        return cells[layer * n_directions + direction];
    }
    int n_features(int layer) const { return n_directions * cell(layer, 0).units; }
};

// Windows of raw values, and what makes inputs of them: those of a centred channel are
// less their newest value, others less a mean; both over a scale.
struct Windows {
    const float* base;         // (n_steps, n_channels)
    const int32_t* starts;     // where in the base the window of each row begins
    const int32_t* n_missing;  // steps of the network that are missing; may be null
    const float* mean;
    const float* scale;
    const uint8_t* is_centred;
};

enum class Loss { huber, log_cosh, mae, mse, quantile };
enum class Rule { adam, adamw, rmsprop, sgd };

struct Optimizer {
    Rule rule;
    double rate;
    double constants[4];  // beta_1, beta_2, epsilon, decay; rho, momentum, epsilon
    double clipnorm;      // 0 for none
    int64_t n_steps;      // taken so far
    int64_t n_annealed;   // steps over which the rate falls to 0; 0 for a constant rate
    int64_t annealed_from;
};

// Features from a step to the next in a table of so many: steps that lay a multiple of
// 4096 bytes apart would share the same few places of the cache.
inline ptrdiff_t spaced(ptrdiff_t n_features) {
    return n_features + (12 - n_features % 8) % 8;
}

// What a tile leaves behind on its way through the network. Tables are
// [step][feature][row], with `stride` rows.
struct Tape {
    ptrdiff_t stride;
    bool is_kept;         // whether gates are kept for the way back
    float** read;         // of each cell: inputs and hidden state, n_steps + 1 times
    float** gates;        // i, f, g, o of each unit; later the gradients before them
    float** cell;         // cell states, n_steps + 1 times; once where not kept
    float** shown;        // activation of the cell states
    float** read_slopes;  // of each layer: gradients of its inputs
    float* hidden_slopes;
    float* cell_slopes;
    float* carried;
    float* final;  // newest hidden states, what the output layer reads
    float* final_slopes;
    float* outputs;
    float* output_slopes;
    float* is_true;  // 1 for each row whose step is true
    float* factors;  // of dropout
    int32_t* n_missing;
};

// What several threads work on together.
struct Job {
    Network network;
    Windows windows;
    const float* weights;
    Tape* tapes;    // one for each thread
    int tile_rows;  // rows that go through the network together

    // Rows to predict: rows[begin] to rows[end], or begin to end where rows is null.
    const int32_t* rows;
    int64_t begin, end;
    float* predictions;   // may be null
    double* losses;       // may be null
    float* input_slopes;  // may be null
    int output;           // whose slopes

    // What is learned.
    const float* targets;
    const float* row_weights;  // may be null
    const float* levels;       // of each output
    Loss loss;
    Optimizer optimizer;
    float dropout;
    uint64_t seed;
    float* learned;   // the weights, to be changed
    float* gradient;  // of each shard
    float* slots[2];

    // An epoch, and how far it has come.
    const int32_t* order;
    int64_t n_rows, batch_size;
    int n_shards;
    int64_t batch;
    int64_t* next_tiles;  // of each shard
    double loss_sum;
    double deadline;
    double (*now)();
    bool is_over;
};

// Where threads of a job meet.
struct Crew {
    int n_threads;
    void* meeting;
    void (*wait)(void*);

    void meet() const {
        if (n_threads > 1) wait(meeting);
    }
};

struct Kernels {
    const char* name;
    int n_lanes;
    void (*train)(Job&, const Crew&, int thread);
    void (*predict)(Job&, const Crew&, int thread);
};

// Those of each level; null where the compiler does not know it.
const Kernels* baseline_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();

}  // namespace sklstm
