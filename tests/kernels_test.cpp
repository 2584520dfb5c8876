// The kernels without Python, to be compiled with sanitizers: every level predicts what
// a loop in double says, its slopes are finite differences of that loop, and training
// on any number of threads comes to the same bits.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "runner.hpp"

using namespace sklstm;

namespace {

int n_failures = 0;

void expect(bool holds, const char* level, const char* what) {
    if (holds) return;
    std::printf("%s: %s\n", level, what);
    ++n_failures;
}

// A network with random weights, and windows of which some lack their oldest steps.
struct Example {
    OwnNetwork own;
    const Network& network = own.network;
    std::vector<float> weights, base, mean, scale, targets, row_weights, levels;
    std::vector<int32_t> starts, n_missing, order;
    std::vector<uint8_t> is_centred;

    Example(int window, int n_channels, int patch, const std::vector<int>& units,
            int n_directions, int n_outputs, bool is_relu, int n_rows)
        : own(window, n_channels, patch, units, n_directions, n_outputs, is_relu) {
        std::mt19937 generator(1);
        std::normal_distribution<float> normal;
        weights.assign((size_t)network.n_weights, 0.0f);
        auto fill = [&](ptrdiff_t at, int n, int k) {
            for (int a = 0; a < n; ++a)
                for (int b = 0; b < k; ++b)
                    weights[(size_t)place(at, a, b, k)] = 0.3f * normal(generator);
        };
        for (int at = 0; at < network.n_layers * n_directions; ++at) {
            const Cell& cell = network.cells[at];
            fill(cell.weights, 4 * cell.units, cell.n_inputs + cell.units);
            fill(cell.bias, 4 * cell.units, 1);
        }
        fill(network.output_weights, n_outputs,
             network.n_features(network.n_layers - 1));
        base.resize((size_t)(n_rows + window - 1) * n_channels);
        for (float& value : base) value = normal(generator);
        mean.assign((size_t)n_channels, 0.25f);
        scale.assign((size_t)n_channels, 1.5f);
        is_centred.assign((size_t)n_channels, 0);
        is_centred[0] = 1;
        for (int row = 0; row < n_rows; ++row) {
            starts.push_back(row);
            n_missing.push_back(row % 3 ? 0 : row % (network.n_steps + 1));
            order.push_back((row * 7) % n_rows);
            row_weights.push_back(0.5f + (float)(row % 4));
            for (int n = 0; n < n_outputs; ++n) targets.push_back(normal(generator));
        }
        levels.assign((size_t)n_outputs, 0.5f);
    }

    static ptrdiff_t place(ptrdiff_t at, int n, int k, int n_inputs) {
        return at + (ptrdiff_t)(n / 12) * 12 * n_inputs + (ptrdiff_t)k * 12 + n % 12;
    }

    Job job() const {
        Job job = {};
        job.network = network;
        job.windows = {base.data(), starts.data(), n_missing.data(),
                       mean.data(), scale.data(),  is_centred.data()};
        job.weights = weights.data();
        job.targets = targets.data();
        job.row_weights = row_weights.data();
        job.levels = levels.data();
        job.now = seconds;
        return job;
    }

    // Return the inputs of a row, step by step.
    std::vector<double> inputs(int row) const {
        std::vector<double> found;
        const int c = network.n_channels, n_read = network.n_steps * network.patch;
        for (int step = network.window - n_read; step < network.window; ++step)
            for (int channel = 0; channel < c; ++channel) {
                const double value = base[(size_t)((row + step) * c + channel)];
                const double newest =
                    base[(size_t)((row + network.window - 1) * c + channel)];
                const double shift =
                    is_centred[(size_t)channel] ? newest : mean[(size_t)channel];
                found.push_back((value - shift) / scale[(size_t)channel]);
            }
        return found;
    }

    // Return the outputs for the inputs of a row, number by number.
    std::vector<double> outputs(int row, const std::vector<double>& inputs) const {
        auto activation = [&](double x) {
            return network.is_relu ? std::max(x, 0.0) : std::tanh(x);
        };
        auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
        const int n_steps = network.n_steps, gone = n_missing[(size_t)row];
        std::vector<std::vector<double>> sequence((size_t)n_steps);
        const size_t size = inputs.size() / (size_t)n_steps;
        for (size_t step = 0; step < (size_t)n_steps; ++step)
            sequence[step].assign(inputs.begin() + (ptrdiff_t)(step * size),
                                  inputs.begin() + (ptrdiff_t)((step + 1) * size));
        std::vector<double> last;
        for (int layer = 0; layer < network.n_layers; ++layer) {
            std::vector<std::vector<double>> next((size_t)n_steps);
            last.clear();
            for (int direction = 0; direction < network.n_directions; ++direction) {
                const Cell& cell = network.cell(layer, direction);
                const int n_read = cell.n_inputs + cell.units;
                std::vector<double> hidden((size_t)cell.units),
                    states((size_t)cell.units);
                for (int at = 0; at < n_steps; ++at) {
                    const int step = direction ? n_steps - 1 - at : at;
                    std::vector<double> read = sequence[(size_t)step];
                    read.insert(read.end(), hidden.begin(), hidden.end());
                    for (int unit = 0; unit < cell.units && step >= gone; ++unit) {
                        double z[4];
                        for (int gate = 0; gate < 4; ++gate) {
                            const int n = 4 * unit + gate;
                            z[gate] = weights[(size_t)(cell.bias + n)];
                            for (int k = 0; k < n_read; ++k)
                                z[gate] +=
                                    weights[(size_t)place(cell.weights, n, k, n_read)] *
                                    read[(size_t)k];
                        }
                        double& state = states[(size_t)unit];
                        state =
                            sigmoid(z[1]) * state + sigmoid(z[0]) * activation(z[2]);
                        hidden[(size_t)unit] = sigmoid(z[3]) * activation(state);
                    }
                    next[(size_t)step].insert(next[(size_t)step].end(), hidden.begin(),
                                              hidden.end());
                }
                last.insert(last.end(), hidden.begin(), hidden.end());
            }
            sequence = next;
        }
        std::vector<double> found;
        for (int n = 0; n < network.n_outputs; ++n) {
            double sum = weights[(size_t)(network.output_bias + n)];
            for (size_t k = 0; k < last.size(); ++k)
                sum += weights[(size_t)place(network.output_weights, n, (int)k,
                                             (int)last.size())] *
                       last[k];
            found.push_back(sum);
        }
        return found;
    }
};

std::vector<float> predicted(const Example& example, const Kernels* kernels,
                             int n_threads, int output) {
    const Network& network = example.network;
    const size_t n_rows = example.starts.size();
    const size_t n_read = (size_t)network.n_steps * (size_t)network.cell(0, 0).n_inputs;
    std::vector<float> result(n_rows *
                              (output < 0 ? (size_t)network.n_outputs : n_read));
    std::vector<std::unique_ptr<OwnTape>> own;
    std::vector<Tape> tapes;
    for (int i = 0; i < n_threads; ++i) {
        own.push_back(std::make_unique<OwnTape>(network, 32, output >= 0));
        tapes.push_back(own.back()->tape);
    }
    Job job = example.job();
    job.tapes = tapes.data();
    job.tile_rows = 32;
    job.end = (int64_t)n_rows;
    (output < 0 ? job.predictions : job.input_slopes) = result.data();
    job.output = output;
    run(kernels->predict, job, n_threads);
    return result;
}

// Return the weights after some epochs, cut where the time is up.
std::vector<float> trained(const Example& example, const Kernels* kernels,
                           int n_threads, Rule rule, Loss loss, int batch_size,
                           double time) {
    const int n_shards = std::min(8, (batch_size + 15) / 16);
    const size_t n_weights = example.weights.size();
    std::vector<float> weights = example.weights, means(n_weights), squares(n_weights);
    std::vector<float> gradient(n_weights * (size_t)n_shards);
    std::vector<double> losses((size_t)batch_size);
    std::vector<int64_t> next((size_t)n_shards);
    std::vector<std::unique_ptr<OwnTape>> own;
    std::vector<Tape> tapes;
    for (int i = 0; i < n_threads; ++i) {
        own.push_back(std::make_unique<OwnTape>(example.network, 32, true));
        tapes.push_back(own.back()->tape);
    }
    Job job = example.job();
    job.tapes = tapes.data();
    job.tile_rows = 16;
    job.losses = losses.data();
    job.loss = loss;
    job.optimizer = {rule, 0.01, {0.9, 0.99, 1e-7, 0.01}, 0.5, 0, 0, 0};
    job.dropout = 0.2f;
    job.seed = 5;
    job.weights = job.learned = weights.data();
    job.gradient = gradient.data();
    job.slots[0] = means.data();
    job.slots[1] = squares.data();
    job.order = example.order.data();
    job.n_rows = (int64_t)example.order.size();
    job.batch_size = batch_size;
    job.n_shards = n_shards;
    job.next_tiles = next.data();
    for (int epoch = 0; epoch < 2; ++epoch) {
        job.batch = 0;
        for (int shard = 0; shard < n_shards; ++shard) next[(size_t)shard] = shard;
        for (int call = 0; job.batch * batch_size < job.n_rows; ++call) {
            job.deadline = call < 50 ? seconds() + time : 1e300;
            run(kernels->train, job, n_threads);
        }
    }
    for (float weight : weights)
        expect(std::isfinite(weight), kernels->name, "not finite");
    return weights;
}

void check(const Example& example, const Kernels* kernels) {
    const Network& network = example.network;
    const std::vector<float> found = predicted(example, kernels, 1, -1);
    expect(found == predicted(example, kernels, 3, -1), kernels->name,
           "threads differ");
    const int output = network.n_outputs - 1;
    const std::vector<float> slopes = predicted(example, kernels, 2, output);
    const size_t n_read = slopes.size() / example.starts.size();
    for (size_t row = 0; row < example.starts.size(); ++row) {
        std::vector<double> inputs = example.inputs((int)row);
        const std::vector<double> expected = example.outputs((int)row, inputs);
        for (size_t n = 0; n < expected.size(); ++n)
            expect(std::fabs(expected[n] - found[row * expected.size() + n]) < 2e-6,
                   kernels->name, "not what the loop predicts");
        if (row % 5) continue;
        for (size_t k = 0; k < n_read; ++k) {
            const double before = inputs[k];
            inputs[k] = before + 1e-5;
            const double high = example.outputs((int)row, inputs)[(size_t)output];
            inputs[k] = before - 1e-5;
            const double low = example.outputs((int)row, inputs)[(size_t)output];
            inputs[k] = before;
            expect(std::fabs((high - low) / 2e-5 - slopes[row * n_read + k]) < 1e-5,
                   kernels->name, "not the slope of the loop");
        }
    }
    const Rule rules[] = {Rule::adam, Rule::adamw, Rule::rmsprop, Rule::sgd};
    const Loss losses[] = {Loss::huber, Loss::log_cosh, Loss::mae, Loss::quantile};
    for (int k = 0; k < 4; ++k)
        for (int batch_size : {7, 100}) {
            const auto alone =
                trained(example, kernels, 1, rules[k], losses[k], batch_size, 1e300);
            expect(alone ==
                       trained(example, kernels, 3, rules[k], losses[k], batch_size, 0),
                   kernels->name, "training depends on threads or on cuts");
            expect(alone != example.weights, kernels->name, "nothing is learned");
        }
}

}  // namespace

int main() {
    const Example examples[] = {
        {6, 2, 1, {5}, 1, 1, false, 40},        {1, 1, 1, {1}, 1, 1, false, 3},
        {5, 3, 1, {7, 3, 13}, 1, 4, false, 70}, {7, 1, 1, {9, 4}, 2, 2, false, 33},
        {11, 2, 4, {6}, 2, 3, false, 20},       {6, 2, 1, {8, 5}, 1, 14, true, 50},
    };
    for (const Kernels* kernels : levels())
        for (const Example& example : examples) check(example, kernels);
    std::printf("%zu levels, %d failures\n", levels().size(), n_failures);
    return n_failures != 0;
}
