// An LSTM network forwards, backwards through time, and its training.
//
// A batch is cut into tiles of some rows, and the tiles are dealt out to a number of
// shards that depends on the batch alone. A shard's gradients are added tile by tile,
// and those of the shards in one order, so that results are the same bits for any number
// of threads.

#pragma once

#include <math.h>

#include "activations.hpp"
#include "jobs.hpp"
#include "product.hpp"

namespace SKLSTM_LEVEL {

using sklstm::Cell;
using sklstm::Crew;
using sklstm::Job;
using sklstm::Loss;
using sklstm::Network;
using sklstm::Rule;
using sklstm::Tape;

template <class T>
SKLSTM_INLINE T smaller(T a, T b) {
    return a < b ? a : b;
}

template <class T>
SKLSTM_INLINE T larger(T a, T b) {
    return a > b ? a : b;
}

// Rows of a tape, multiples of the lanes.
struct Columns {
    int begin, end;
};

// Floats from a step to the next in the tables of a cell.
SKLSTM_INLINE ptrdiff_t read_size(const Cell& cell, ptrdiff_t stride) {
    return sklstm::spaced(cell.n_inputs + cell.units) * stride;
}

SKLSTM_INLINE ptrdiff_t gates_size(const Cell& cell, ptrdiff_t stride) {
    return sklstm::spaced(4 * cell.units) * stride;
}

// -- tiles ----------------------------------------------------------------------------

// Rows of a batch, and the columns of a tape in which they go through the network.
struct Tile {
    Columns columns;
    int n_rows;
    int64_t first;        // position of the first one
    const int32_t* rows;  // all rows of the batch; null where they are their positions

    int64_t row(int column) const {
        const int64_t at = first + column - columns.begin;
        return rows ? rows[at] : at;
    }
    bool has(int column) const { return column - columns.begin < n_rows; }
};

// Tiles that go through the network together, in neighbouring columns.
struct Tiles {
    int n;
    Tile tile[2];
    bool is_training;
    int64_t n_steps;  // that the optimizer has taken before them

    Columns columns() const { return {tile[0].columns.begin, tile[n - 1].columns.end}; }
};

// -- dropout --------------------------------------------------------------------------

SKLSTM_INLINE uint64_t mixed(uint64_t x) {  // splitmix64, doi:10.1145/2714064.2660195
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// Write what a feature of some rows is multiplied by: 0 or 1 / (1 - dropout). A draw is
// a function of seed, batch, layer, step, feature and row alone.
static void dropout_factors(const Job& job, int64_t n_steps, int layer, int step,
                            int feature, int64_t first_row, int n_rows, float* factors) {
    uint64_t key = mixed(job.seed ^ mixed((uint64_t)n_steps));
    key = mixed(key ^ ((uint64_t)layer << 48 | (uint64_t)step << 24 | (uint64_t)feature));
    const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
    const float keep = 1.0f / (1.0f - job.dropout);
    const uint32_t least = (uint32_t)(job.dropout * 4294967296.0);
    for (int i = 0; i < n_rows; ++i) {
        uint32_t x = ((uint32_t)(first_row + i) * 0x9e3779b9u) ^ low;
        x = (x ^ (x >> 16)) * 0x7feb352du;
        x = (x ^ (x >> 15)) * 0x846ca68bu;
        x = (x ^ (x >> 16)) + high;
        x = (x ^ (x >> 16)) * 0x7feb352du;
        x = (x ^ (x >> 15)) * 0x846ca68bu;
        x = x ^ (x >> 16);
        factors[i] = x < least ? 0.0f : keep;
    }
}

// Multiply features of some rows by the factors of dropout.
static void drop_out(const Job& job, Tape& tape, int layer, int step, int n_features,
                     const Tiles& tiles, float* table) {
    for (int at = 0; at < tiles.n; ++at) {
        const Tile& tile = tiles.tile[at];
        const int begin = tile.columns.begin, n = tile.columns.end - begin;
        float* factors = tape.factors + begin;
        for (int feature = 0; feature < n_features; ++feature) {
            dropout_factors(job, tiles.n_steps, layer, step, feature, tile.first, n,
                            factors);
            float* values = table + feature * tape.stride + begin;
            for (int i = 0; i < n; ++i) values[i] *= factors[i];
        }
    }
}

// -- what the network reads -----------------------------------------------------------

// Gather the inputs of some rows: scaled, in patches, 0 where they are missing.
static void gather(const Job& job, Tape& tape, const Tile& tile) {
    const Network& network = job.network;
    const int n_channels = network.n_channels, patch = network.patch;
    const int n_steps = network.n_steps, n_read = n_steps * patch;
    const ptrdiff_t stride = tape.stride;
    for (int direction = 0; direction < network.n_directions; ++direction) {
        const Cell& cell = network.cell(0, direction);
        const ptrdiff_t step_size = read_size(cell, stride);
        float* table = tape.read[direction];
        for (int i = tile.columns.begin; i < tile.columns.end; ++i) {
            if (!tile.has(i)) {
                tape.n_missing[i] = 0;
                for (int step = 0; step < n_steps; ++step)
                    for (int k = 0; k < cell.n_inputs; ++k)
                        table[step * step_size + k * stride + i] = 0.0f;
                continue;
            }
            const int64_t row = tile.row(i);
            const int n_missing = job.windows.n_missing ? job.windows.n_missing[row] : 0;
            tape.n_missing[i] = n_missing;
            const float* window =
                job.windows.base + (ptrdiff_t)job.windows.starts[row] * n_channels;
            const float* newest = window + (ptrdiff_t)(network.window - 1) * n_channels;
            const float* value =
                window + (ptrdiff_t)(network.window - n_read) * n_channels;
            for (int step = 0; step < n_steps; ++step) {
                const int at = direction ? n_steps - 1 - step : step;
                float* to = table + at * step_size + i;
                const bool is_missing = step < n_missing;
                for (int k = 0; k < patch; ++k)
                    for (int channel = 0; channel < n_channels; ++channel) {
                        const float shift = job.windows.is_centred[channel]
                                                ? newest[channel]
                                                : job.windows.mean[channel];
                        const float x = (*value++ - shift) / job.windows.scale[channel];
                        *to = is_missing ? 0.0f : x;
                        to += stride;
                    }
            }
        }
    }
}

// Write which rows have a true step; return whether all of them do.
SKLSTM_INLINE bool all_true(Tape& tape, int step, Columns columns) {
    int most = 0;
    for (int i = columns.begin; i < columns.end; ++i)
        most = larger<int>(most, tape.n_missing[i]);
    if (step >= most) return true;
    for (int i = columns.begin; i < columns.end; ++i)
        tape.is_true[i] = step >= tape.n_missing[i] ? 1.0f : 0.0f;
    return false;
}

// -- forwards -------------------------------------------------------------------------

// Where a step of a cell reads and writes, for some vectors of rows.
struct StepTables {
    const float* read;
    const float* cell_before;
    float* cell;
    float* hidden;
    float* gates;          // null where they are not kept
    float* shown;          // likewise
    const float* is_true;  // null where all are
    const float* hidden_before;
};

template <bool kRelu, int kVectors>
SKLSTM_INLINE void leave_unit(const StepTables& tables, int unit, ptrdiff_t stride,
                              const Vec (&sums)[4][kVectors]) {
    SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v) {
        const ptrdiff_t at = unit * stride + v * kLanes;
        Gates gates = gates_of<kRelu>(sums[0][v], sums[1][v], sums[2][v], sums[3][v]);
        Vec before = load(tables.cell_before + at);
        Vec cell = gates.f * before + gates.i * gates.g;
        Vec shown = activation_of<kRelu>(cell);
        Vec hidden = gates.o * shown;
        if (tables.is_true) {
            IntVec is_true = load(tables.is_true + v * kLanes) > all(0.0f);
            cell = select(is_true, cell, before);
            hidden = select(is_true, hidden, load(tables.hidden_before + at));
        }
        store(tables.cell + at, cell);
        store(tables.hidden + at, hidden);
        if (tables.gates) {
            float* kept = tables.gates + unit * 4 * stride + v * kLanes;
            store(kept, gates.i);
            store(kept + stride, gates.f);
            store(kept + 2 * stride, gates.g);
            store(kept + 3 * stride, gates.o);
            store(tables.shown + at, shown);
        }
    }
}

// Take one to three units through a step, with as many sums as there are registers.
template <bool kRelu, int kUnits, int kVectors>
SKLSTM_INLINE void step_units(const StepTables& tables, int first, int n_read,
                              const float* weights, const float* bias,
                              ptrdiff_t stride) {
    constexpr int kTogether = kBlock == 12 ? kUnits : 1;
    SKLSTM_UNROLL for (int done = 0; done < kUnits; done += kTogether) {
        Vec sums[4 * kTogether][kVectors];
        SKLSTM_UNROLL for (int n = 0; n < 4 * kTogether; ++n)
            SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
                sums[n][v] = all(bias[4 * done + n]);
        multiply<4 * kTogether, kVectors>(sums, weights + 4 * done, n_read, tables.read,
                                          stride);
        SKLSTM_UNROLL for (int u = 0; u < kTogether; ++u) {
            Vec own[4][kVectors];
            SKLSTM_UNROLL for (int n = 0; n < 4; ++n)
                SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
                    own[n][v] = sums[4 * u + n][v];
            leave_unit<kRelu, kVectors>(tables, first + done + u, stride, own);
        }
    }
}

template <bool kRelu, int kVectors>
static void step_cell(const Cell& cell, const float* flat, ptrdiff_t stride,
                      const StepTables& tables) {
    const int n_read = cell.n_inputs + cell.units;
    const float* weights = flat + cell.weights;
    const float* bias = flat + cell.bias;
    for (int first = 0; first < cell.units;
         first += 3, weights += n_read * kPanel, bias += kPanel)
        switch (smaller(cell.units - first, 3)) {
            case 1:
                step_units<kRelu, 1, kVectors>(tables, first, n_read, weights, bias,
                                               stride);
                break;
            case 2:
                step_units<kRelu, 2, kVectors>(tables, first, n_read, weights, bias,
                                               stride);
                break;
            default:
                step_units<kRelu, 3, kVectors>(tables, first, n_read, weights, bias,
                                               stride);
        }
}

// Take one or two vectors of rows through all steps of a cell.
template <bool kRelu, int kVectors>
static void run_cell(const Job& job, Tape& tape, int layer, int direction, int column) {
    const Network& network = job.network;
    const Cell& cell = network.cell(layer, direction);
    const int position = layer * network.n_directions + direction;
    const ptrdiff_t stride = tape.stride;
    const ptrdiff_t read_step = read_size(cell, stride);
    const ptrdiff_t state_size = cell.units * stride;
    const ptrdiff_t cell_size = tape.is_kept ? state_size : 0;
    const Columns columns = {column, column + kVectors * kLanes};
    float* read = tape.read[position] + column;
    float* cells = tape.cell[position] + column;
    for (int unit = 0; unit < cell.units; ++unit)
        for (int v = 0; v < kVectors; ++v) {
            store(read + (cell.n_inputs + unit) * stride + v * kLanes, all(0.0f));
            store(cells + unit * stride + v * kLanes, all(0.0f));
        }
    for (int at = 0; at < network.n_steps; ++at) {
        const int step = direction ? network.n_steps - 1 - at : at;
        StepTables tables;
        tables.read = read + at * read_step;
        tables.hidden_before = tables.read + cell.n_inputs * stride;
        tables.hidden = read + (at + 1) * read_step + cell.n_inputs * stride;
        tables.cell_before = cells + at * cell_size;
        tables.cell = cells + (at + 1) * cell_size;
        tables.gates = nullptr;
        tables.shown = nullptr;
        if (tape.is_kept) {
            tables.gates = tape.gates[position] + column + at * gates_size(cell, stride);
            tables.shown = tape.shown[position] + column + at * state_size;
        }
        const bool is_whole = !job.windows.n_missing || all_true(tape, step, columns);
        tables.is_true = is_whole ? nullptr : tape.is_true + column;
        step_cell<kRelu, kVectors>(cell, job.weights, stride, tables);
    }
}

// Return where the hidden states of a cell after a step lie.
SKLSTM_INLINE float* hidden_after(const Network& network, const Tape& tape, int layer,
                                  int direction, int step) {
    const Cell& cell = network.cell(layer, direction);
    const int at = direction ? network.n_steps - 1 - step : step;
    return tape.read[layer * network.n_directions + direction] +
           (at + 1) * read_size(cell, tape.stride) + cell.n_inputs * tape.stride;
}

SKLSTM_INLINE void copy_features(const float* from, float* to, int n_features,
                                 ptrdiff_t stride, Columns columns) {
    for (int k = 0; k < n_features; ++k)
        memcpy(to + k * stride + columns.begin, from + k * stride + columns.begin,
               sizeof(float) * (columns.end - columns.begin));
}

// Hand the hidden states of the layer below on, dropped out in training.
static void read_layer_below(const Job& job, Tape& tape, int layer,
                             const Tiles& tiles) {
    const Network& network = job.network;
    const int units = network.cell(layer - 1, 0).units;
    const ptrdiff_t stride = tape.stride;
    for (int step = 0; step < network.n_steps; ++step)
        for (int direction = 0; direction < network.n_directions; ++direction) {
            const Cell& cell = network.cell(layer, direction);
            const int at = direction ? network.n_steps - 1 - step : step;
            float* to = tape.read[layer * network.n_directions + direction] +
                        at * read_size(cell, stride);
            for (int below = 0; below < network.n_directions; ++below)
                copy_features(hidden_after(network, tape, layer - 1, below, step),
                              to + below * units * stride, units, stride,
                              tiles.columns());
            if (tiles.is_training && job.dropout > 0)
                drop_out(job, tape, layer - 1, step, cell.n_inputs, tiles, to);
        }
}

// The output layer, four outputs at a time.
static void run_output_layer(const Job& job, Tape& tape, Columns columns) {
    const Network& network = job.network;
    const int n_read = network.n_features(network.n_layers - 1);
    const float* bias = job.weights + network.output_bias;
    for (int n = 0; n < network.n_outputs; n += 4) {
        const float* weights = job.weights + network.output_weights +
                               (ptrdiff_t)(n / kPanel) * kPanel * n_read + n % kPanel;
        for (int column = columns.begin; column < columns.end; column += kLanes) {
            Vec sums[4][1];
            SKLSTM_UNROLL for (int k = 0; k < 4; ++k) sums[k][0] = all(bias[n + k]);
            multiply<4, 1>(sums, weights, n_read, tape.final + column, tape.stride);
            SKLSTM_UNROLL for (int k = 0; k < 4; ++k)
                store(tape.outputs + (n + k) * tape.stride + column, sums[k][0]);
        }
    }
}

template <bool kRelu>
static void run_cells(const Job& job, Tape& tape, int layer, int direction,
                      Columns columns) {
    int column = columns.begin;
    for (; column + 2 * kLanes <= columns.end; column += 2 * kLanes)
        run_cell<kRelu, 2>(job, tape, layer, direction, column);
    if (column < columns.end) run_cell<kRelu, 1>(job, tape, layer, direction, column);
}

// Gather rows and take them through the network.
static void run_forwards(const Job& job, Tape& tape, const Tiles& tiles) {
    const Network& network = job.network;
    const int last = network.n_layers - 1;
    const Columns columns = tiles.columns();
    for (int at = 0; at < tiles.n; ++at) gather(job, tape, tiles.tile[at]);
    for (int layer = 0; layer <= last; ++layer) {
        if (layer) read_layer_below(job, tape, layer, tiles);
        for (int direction = 0; direction < network.n_directions; ++direction)
            network.is_relu ? run_cells<true>(job, tape, layer, direction, columns)
                            : run_cells<false>(job, tape, layer, direction, columns);
    }
    const int units = network.cell(last, 0).units;
    for (int direction = 0; direction < network.n_directions; ++direction)
        copy_features(hidden_after(network, tape, last, direction,
                                   direction ? 0 : network.n_steps - 1),
                      tape.final + direction * units * tape.stride, units, tape.stride,
                      columns);
    if (tiles.is_training && job.dropout > 0)
        drop_out(job, tape, last, network.n_steps, network.n_features(last), tiles,
                 tape.final);
    run_output_layer(job, tape, columns);
}

// -- losses ---------------------------------------------------------------------------

struct LossAndSlope {
    float loss, slope;
};

SKLSTM_INLINE LossAndSlope loss_of(Loss loss, float error, float level) {
    const float size = error < 0 ? -error : error;
    const float sign = error > 0 ? 1.0f : error < 0 ? -1.0f : 0.0f;
    switch (loss) {
        case Loss::mse:
            return {error * error, 2.0f * error};
        case Loss::mae:
            return {size, error != error ? error : sign};
        case Loss::huber:
            if (size <= 1.0f) return {0.5f * error * error, error};
            return {size - 0.5f, error != error ? error : sign};
        case Loss::log_cosh:
            return {size + log1pf(expf(-2.0f * size)) - 0.69314718f, tanhf(error)};
        default:
            return {larger((1.0f - level) * error, -level * error),
                    0.5f * (sign + 1.0f) - level};
    }
}

// Write the losses of the rows of a tile, and the slopes of the mean loss of its batch.
static void find_losses(const Job& job, Tape& tape, const Tile& tile, double share) {
    const int n_outputs = job.network.n_outputs;
    for (int i = tile.columns.begin; i < tile.columns.end; ++i) {
        const bool is_row = tile.has(i);
        const int64_t row = is_row ? tile.row(i) : 0;
        const double weight = !is_row ? 0.0 : job.row_weights ? job.row_weights[row] : 1.0;
        double total = 0.0;
        for (int n = 0; n < n_outputs; ++n) {
            const ptrdiff_t at = n * tape.stride + i;
            LossAndSlope found = {0.0f, 0.0f};
            if (is_row)
                found = loss_of(job.loss,
                                tape.outputs[at] - job.targets[row * n_outputs + n],
                                job.levels[n]);
            total += found.loss;
            if (tape.is_kept)
                tape.output_slopes[at] = found.slope * (float)(weight * share);
        }
        if (is_row) job.losses[tile.first + i - tile.columns.begin] = weight * total;
    }
}

// -- backwards ------------------------------------------------------------------------

// Turn the gates of a step into gradients before them, for one or two vectors of rows.
template <bool kRelu, int kVectors>
static void step_back(Tape& tape, int units, float* gates, const float* shown,
                      const float* cell_before, const float* above, bool is_whole,
                      int column) {
    const ptrdiff_t stride = tape.stride;
    for (int unit = 0; unit < units; ++unit)
        SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v) {
            const ptrdiff_t at = unit * stride + column + v * kLanes;
            float* own = gates + unit * 4 * stride + column + v * kLanes;
            Vec i = load(own), f = load(own + stride);
            Vec g = load(own + 2 * stride), o = load(own + 3 * stride);
            Vec y = load(shown + at);
            Vec hidden_slope = load(tape.hidden_slopes + at);
            if (above) hidden_slope += load(above + at);
            Vec before = load(tape.cell_slopes + at);
            Vec cell_slope = before + hidden_slope * o * activation_slope<kRelu>(y);
            Vec di = cell_slope * g * (i - i * i);
            Vec df = cell_slope * load(cell_before + at) * (f - f * f);
            Vec dg = cell_slope * i * activation_slope<kRelu>(g);
            Vec d_out = hidden_slope * y * (o - o * o);
            Vec cell_left = cell_slope * f;
            if (!is_whole) {
                const Vec zero = all(0.0f);
                IntVec is_true = load(tape.is_true + column + v * kLanes) > zero;
                di = select(is_true, di, zero);
                df = select(is_true, df, zero);
                dg = select(is_true, dg, zero);
                d_out = select(is_true, d_out, zero);
                cell_left = select(is_true, cell_left, before);
                store(tape.carried + at, select(is_true, zero, hidden_slope));
            }
            store(own, di);
            store(own + stride, df);
            store(own + 2 * stride, dg);
            store(own + 3 * stride, d_out);
            store(tape.cell_slopes + at, cell_left);
        }
}

SKLSTM_INLINE void add_features(const float* from, float* to, int n_features,
                                ptrdiff_t stride, Columns columns) {
    for (int k = 0; k < n_features; ++k)
        for (int i = columns.begin; i < columns.end; i += kLanes)
            store(to + k * stride + i,
                  load(to + k * stride + i) + load(from + k * stride + i));
}

// Take one or two vectors of rows back through a cell. The gradient of its hidden states
// comes from the layer above, or for the last layer from the output layer.
template <bool kRelu, int kVectors>
static void run_cell_back(const Job& job, Tape& tape, int layer, int direction,
                          bool reads_on, int column) {
    const Network& network = job.network;
    const Cell& cell = network.cell(layer, direction);
    const int position = layer * network.n_directions + direction;
    const bool is_last = layer == network.n_layers - 1;
    const int n_read = cell.n_inputs + cell.units, n_steps = network.n_steps;
    const ptrdiff_t stride = tape.stride, state_size = cell.units * stride;
    const Columns columns = {column, column + kVectors * kLanes};
    const float* panels = job.weights + cell.weights;
    float* back = tape.hidden_slopes;
    for (int unit = 0; unit < cell.units; ++unit)
        for (int v = 0; v < kVectors; ++v) {
            const ptrdiff_t at = unit * stride + column + v * kLanes;
            Vec newest = all(0.0f);
            if (is_last) newest = load(tape.final_slopes + direction * state_size + at);
            store(back + at, newest);
            store(tape.cell_slopes + at, all(0.0f));
        }
    for (int at = n_steps - 1; at >= 0; --at) {
        const int step = direction ? n_steps - 1 - at : at;
        float* gates = tape.gates[position] + at * gates_size(cell, stride);
        const float* above = nullptr;
        if (!is_last)
            above = tape.read_slopes[layer + 1] +
                    (step * (ptrdiff_t)network.n_features(layer) + direction * cell.units) *
                        stride;
        const bool is_whole = !job.windows.n_missing || all_true(tape, step, columns);
        step_back<kRelu, kVectors>(tape, cell.units, gates,
                                   tape.shown[position] + at * state_size,
                                   tape.cell[position] + at * state_size, above, is_whole,
                                   column);
        // Features n_inputs and on of what was read are the hidden state.
        if (at > 0) {
            multiply_transposed<kVectors>(panels, 4 * cell.units, n_read, cell.n_inputs,
                                          n_read, gates + column, stride,
                                          back + column - cell.n_inputs * stride);
            if (!is_whole) add_features(tape.carried, back, cell.units, stride, columns);
        }
        if (!reads_on) continue;
        float* slopes =
            tape.read_slopes[layer] + step * (ptrdiff_t)cell.n_inputs * stride;
        float* to = direction ? tape.read_slopes[network.n_layers] : slopes;
        multiply_transposed<kVectors>(panels, 4 * cell.units, n_read, 0, cell.n_inputs,
                                      gates + column, stride, to + column);
        if (direction) add_features(to, slopes, cell.n_inputs, stride, columns);
    }
}

template <bool kRelu>
static void run_cells_back(const Job& job, Tape& tape, int layer, int direction,
                           bool reads_on, Columns columns) {
    int column = columns.begin;
    for (; column + 2 * kLanes <= columns.end; column += 2 * kLanes)
        run_cell_back<kRelu, 2>(job, tape, layer, direction, reads_on, column);
    if (column < columns.end)
        run_cell_back<kRelu, 1>(job, tape, layer, direction, reads_on, column);
}

// Take rows back through the network, from the slopes of the outputs to those before
// all gates, and to the inputs where these are asked for.
static void run_backwards(const Job& job, Tape& tape, const Tiles& tiles,
                          bool to_inputs) {
    const Network& network = job.network;
    const Columns columns = tiles.columns();
    const int last = network.n_layers - 1;
    const int n_final = network.n_features(last);
    const bool drops_out = tiles.is_training && job.dropout > 0;
    for (int column = columns.begin; column < columns.end; column += kLanes)
        multiply_transposed<1>(job.weights + network.output_weights, network.n_outputs,
                               n_final, 0, n_final, tape.output_slopes + column,
                               tape.stride, tape.final_slopes + column);
    if (drops_out)
        drop_out(job, tape, last, network.n_steps, n_final, tiles, tape.final_slopes);
    for (int layer = last; layer >= 0; --layer) {
        const bool reads_on = layer > 0 || to_inputs;
        for (int direction = 0; direction < network.n_directions; ++direction)
            network.is_relu
                ? run_cells_back<true>(job, tape, layer, direction, reads_on, columns)
                : run_cells_back<false>(job, tape, layer, direction, reads_on, columns);
        if (layer == 0 || !drops_out) continue;
        const int n_read = network.cell(layer, 0).n_inputs;
        for (int step = 0; step < network.n_steps; ++step)
            drop_out(job, tape, layer - 1, step, n_read, tiles,
                     tape.read_slopes[layer] + (ptrdiff_t)step * n_read * tape.stride);
    }
}

// Steps whose gradients are summed up before others: few enough to stay in the cache.
constexpr int kStepsTogether = 32;

// Add the gradients of all weights, over the rows of a tile.
static void add_all_gradients(const Network& network, const Tape& tape, Columns columns,
                              float* gradient) {
    const ptrdiff_t stride = tape.stride;
    Steps steps;
    steps.n_rows = columns.end - columns.begin;
    steps.stride = stride;
    for (int at = 0; at < network.n_layers * network.n_directions; ++at) {
        const Cell& cell = network.cells[at];
        steps.outputs_step = gates_size(cell, stride);
        steps.inputs_step = read_size(cell, stride);
        for (int step = 0; step < network.n_steps; step += kStepsTogether) {
            steps.n_steps = smaller(kStepsTogether, network.n_steps - step);
            steps.outputs = tape.gates[at] + step * steps.outputs_step + columns.begin;
            steps.inputs = tape.read[at] + step * steps.inputs_step + columns.begin;
            for (int unit = 0; unit < cell.units; ++unit)
                add_gradients(steps, 4 * unit, cell.n_inputs + cell.units,
                              gradient + cell.weights, gradient + cell.bias);
        }
    }
    steps.n_steps = 1;
    steps.outputs = tape.output_slopes + columns.begin;
    steps.inputs = tape.final + columns.begin;
    for (int n = 0; n < network.n_outputs; n += 4)
        add_gradients(steps, n, network.n_features(network.n_layers - 1),
                      gradient + network.output_weights, gradient + network.output_bias);
}

// -- optimizers -----------------------------------------------------------------------

// Return the step size of the next step; with Adam, without the bias of its means.
static double step_size(const sklstm::Optimizer& optimizer, double rate, int64_t n_steps) {
    if (optimizer.rule != Rule::adam && optimizer.rule != Rule::adamw) return rate;
    const double n = (double)(n_steps + 1);
    return rate * sqrt(1.0 - pow(optimizer.constants[1], n)) /
           (1.0 - pow(optimizer.constants[0], n));
}

static double rate_now(const sklstm::Optimizer& optimizer, int64_t n_done) {
    if (!optimizer.n_annealed) return optimizer.rate;
    const double done = smaller(1.0, (double)n_done / (double)optimizer.n_annealed);
    return optimizer.rate * (1.0 + cos(3.14159265358979323846 * done)) / 2.0;
}

// Add the gradients of the shards, for some weights, into that of the first; the others
// begin anew.
static void add_shards(Job& job, ptrdiff_t begin, ptrdiff_t end) {
    for (int shard = 1; shard < job.n_shards; ++shard) {
        float* own = job.gradient + shard * job.network.n_weights;
        for (ptrdiff_t i = begin; i < end; ++i) {
            job.gradient[i] += own[i];
            own[i] = 0.0f;
        }
    }
}

// Return what clips a gradient to a norm.
static float clip_factor(const float* gradient, ptrdiff_t n, double clipnorm) {
    double squares = 0.0;
    for (ptrdiff_t i = 0; i < n; ++i) squares += (double)gradient[i] * gradient[i];
    return (float)(clipnorm / larger(sqrt(squares), clipnorm));
}

// Take a step with some of the weights, as Keras does, and begin a new gradient.
static void take_step(Job& job, ptrdiff_t begin, ptrdiff_t end, int64_t n_steps,
                      float factor) {
    const sklstm::Optimizer& optimizer = job.optimizer;
    const double rate = rate_now(optimizer, n_steps - optimizer.annealed_from);
    const float size = (float)step_size(optimizer, rate, n_steps);
    float* weights = job.learned;
    float* gradients = job.gradient;
    float* means = job.slots[0];
    float* squares = job.slots[1];
    switch (optimizer.rule) {
        case Rule::sgd:
            for (ptrdiff_t i = begin; i < end; ++i) {
                weights[i] -= size * (gradients[i] * factor);
                gradients[i] = 0.0f;
            }
            return;
        case Rule::rmsprop: {
            const float fresh = (float)(1.0 - optimizer.constants[0]);
            const float momentum = (float)optimizer.constants[1];
            const float epsilon = (float)optimizer.constants[2];
            for (ptrdiff_t i = begin; i < end; ++i) {
                const float gradient = gradients[i] * factor;
                means[i] += (gradient * gradient - means[i]) * fresh;
                squares[i] = momentum * squares[i] +
                             size * gradient / sqrtf(means[i] + epsilon);
                weights[i] -= squares[i];
                gradients[i] = 0.0f;
            }
            return;
        }
        default: {
            const float fresh_1 = (float)(1.0 - optimizer.constants[0]);
            const float fresh_2 = (float)(1.0 - optimizer.constants[1]);
            const float epsilon = (float)optimizer.constants[2];
            float kept = 1.0f;
            if (optimizer.rule == Rule::adamw)
                kept = (float)(1.0 - optimizer.constants[3] * rate);
            for (ptrdiff_t i = begin; i < end; ++i) {
                const float gradient = gradients[i] * factor;
                means[i] += (gradient - means[i]) * fresh_1;
                squares[i] += (gradient * gradient - squares[i]) * fresh_2;
                weights[i] = weights[i] * kept -
                             size * means[i] / (sqrtf(squares[i]) + epsilon);
                gradients[i] = 0.0f;
            }
        }
    }
}

// -- jobs -----------------------------------------------------------------------------

// Return the shard of a thread that is the least far in a batch; -1 where all are done.
static int shard_to_work_on(const Job& job, int thread, int n_threads, int64_t n_tiles) {
    int found = -1;
    for (int shard = thread; shard < job.n_shards; shard += n_threads)
        if (job.next_tiles[shard] < n_tiles &&
            (found < 0 || job.next_tiles[shard] < job.next_tiles[found]))
            found = shard;
    return found;
}

// Work on the tiles of a thread's shards, until they are done or the time is up, but on
// some in any case. Two at once make better use of the registers.
static void work_on_batch(Job& job, const Crew& crew, int thread, int64_t first,
                          int64_t size, int64_t n_steps) {
    Tape& tape = job.tapes[thread];
    const int n_rows = job.tile_rows;
    const int64_t n_tiles = (size + n_rows - 1) / n_rows;
    const int n_together = (int)smaller<ptrdiff_t>(2, tape.stride / n_rows);
    const double share = 1.0 / ((double)size * job.network.n_outputs);
    do {
        Tiles tiles;
        int shards[2];
        for (tiles.n = 0; tiles.n < n_together; ++tiles.n) {
            const int shard = shard_to_work_on(job, thread, crew.n_threads, n_tiles);
            if (shard < 0) break;
            const int64_t done = job.next_tiles[shard] * n_rows;
            job.next_tiles[shard] += job.n_shards;
            shards[tiles.n] = shard;
            tiles.tile[tiles.n] = {{tiles.n * n_rows, (tiles.n + 1) * n_rows},
                                   (int)smaller<int64_t>(n_rows, size - done),
                                   done,
                                   job.order + first};
        }
        if (tiles.n == 0) return;
        tiles.is_training = true;
        tiles.n_steps = n_steps;
        run_forwards(job, tape, tiles);
        for (int at = 0; at < tiles.n; ++at)
            find_losses(job, tape, tiles.tile[at], share);
        run_backwards(job, tape, tiles, false);
        for (int at = 0; at < tiles.n; ++at)
            add_all_gradients(job.network, tape, tiles.tile[at].columns,
                              job.gradient + shards[at] * job.network.n_weights);
    } while (job.now() <= job.deadline);
}

// Train on the batches of an epoch until it ends, or the time is up. A batch that is cut
// goes on with its next tiles. Threads meet when a batch is worked through, and when its
// step is taken; between, each counts for itself.
static void train(Job& job, const Crew& crew, int thread) {
    const int64_t n_batches = (job.n_rows + job.batch_size - 1) / job.batch_size;
    const ptrdiff_t n_weights = job.network.n_weights;
    const ptrdiff_t begin = n_weights * thread / crew.n_threads;
    const ptrdiff_t end = n_weights * (thread + 1) / crew.n_threads;
    const double clipnorm = job.optimizer.clipnorm;
    int64_t batch = job.batch, n_steps = job.optimizer.n_steps;
    while (batch < n_batches) {
        const int64_t first = batch * job.batch_size;
        const int64_t size = smaller(job.batch_size, job.n_rows - first);
        work_on_batch(job, crew, thread, first, size, n_steps);
        crew.meet();
        bool is_cut = false;
        for (int shard = 0; shard < job.n_shards; ++shard)
            is_cut |= job.next_tiles[shard] * job.tile_rows < size;
        if (is_cut) break;
        add_shards(job, begin, end);
        float factor = 1.0f;
        if (clipnorm > 0) {
            crew.meet();
            factor = clip_factor(job.gradient, n_weights, clipnorm);
            crew.meet();
        }
        take_step(job, begin, end, n_steps, factor);
        ++batch;
        ++n_steps;
        if (thread == 0) {
            for (int64_t i = 0; i < size; ++i) job.loss_sum += job.losses[i];
            job.is_over = job.now() > job.deadline;
        }
        crew.meet();
        for (int shard = thread; shard < job.n_shards; shard += crew.n_threads)
            job.next_tiles[shard] = shard;
        if (job.is_over) break;
    }
    if (thread != 0) return;
    job.batch = batch;
    job.optimizer.n_steps = n_steps;
}

// Predict some rows; or find their losses, or the slopes of an output by the inputs.
static void predict(Job& job, const Crew& crew, int thread) {
    const Network& network = job.network;
    Tape& tape = job.tapes[thread];
    const int n_outputs = network.n_outputs;
    const int n_read = network.n_steps * network.cell(0, 0).n_inputs;
    const int64_t n_rows = job.end - job.begin;
    const int64_t n_tiles = (n_rows + job.tile_rows - 1) / job.tile_rows;
    for (int64_t at = thread; at < n_tiles; at += crew.n_threads) {
        const int64_t begin = job.begin + at * job.tile_rows;
        const int n_here = (int)smaller<int64_t>(job.tile_rows, job.end - begin);
        const Columns columns = {0, (n_here + kLanes - 1) / kLanes * kLanes};
        const Tile tile = {columns, n_here, begin, job.rows};
        const Tiles tiles = {1, {tile, tile}, false, 0};
        run_forwards(job, tape, tiles);
        if (job.predictions)
            for (int i = 0; i < n_here; ++i)
                for (int n = 0; n < n_outputs; ++n)
                    job.predictions[(begin + i) * n_outputs + n] =
                        tape.outputs[n * tape.stride + i];
        if (job.losses) find_losses(job, tape, tile, 0.0);
        if (!job.input_slopes) continue;
        for (int n = 0; n < n_outputs; ++n)
            for (int i = columns.begin; i < columns.end; ++i)
                tape.output_slopes[n * tape.stride + i] = n == job.output ? 1.0f : 0.0f;
        run_backwards(job, tape, tiles, true);
        // The steps of what is read lie one behind the other.
        for (int i = 0; i < n_here; ++i)
            for (int k = 0; k < n_read; ++k)
                job.input_slopes[(begin + i) * n_read + k] =
                    tape.read_slopes[0][k * tape.stride + i];
    }
}

}  // namespace SKLSTM_LEVEL
