// The matrix products of a network, blocked so that sums stay in registers.
//
// What a network computes lies feature by feature, the rows of a batch side by side, so
// that a vector holds one feature of several rows. Each row is computed alone, its sums
// in one order: no value depends on which rows are beside it, nor on how a batch is
// shared between threads.
//
// Weights with n outputs and k inputs lie in panels of twelve outputs,
// panels[n / 12][k][n % 12], the last one filled up with zeros. A table of features is
// table[feature][row], with `stride` rows; steps follow each other.

#pragma once

#include "vector.hpp"

namespace SKLSTM_LEVEL {

constexpr int kPanel = 12;

// Outputs whose sums are in registers together: 32 registers hold two vectors of
// twelve, 16 hold two of four.
#if SKLSTM_LANES == 16 || defined(__ARM_NEON)
constexpr int kBlock = 12;
constexpr int kGradientBlock = 6;
#else
constexpr int kBlock = 4;
constexpr int kGradientBlock = 3;
#endif

// Add the products of some outputs' weights and n_inputs features to their sums.
template <int kOutputs, int kVectors>
SKLSTM_INLINE void multiply(Vec (&sums)[kOutputs][kVectors], const float* weights,
                            int n_inputs, const float* table, ptrdiff_t stride) {
    for (int k = 0; k < n_inputs; ++k, weights += kPanel, table += stride) {
        Vec values[kVectors];
        SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
            values[v] = load(table + v * kLanes);
        SKLSTM_UNROLL for (int n = 0; n < kOutputs; ++n) {
            Vec weight = all(weights[n]);
            SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
                sums[n][v] += weight * values[v];
        }
    }
}

// Store products of the transposed weights: for inputs begin to begin + kInputs the sum
// over all outputs, as features of `result`.
template <int kInputs, int kVectors>
SKLSTM_INLINE void multiply_transposed(const float* panels, int n_outputs, int n_inputs,
                                       int begin, const float* table, ptrdiff_t stride,
                                       float* result) {
    Vec sums[kInputs][kVectors];
    SKLSTM_UNROLL for (int k = 0; k < kInputs; ++k)
        SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v) sums[k][v] = all(0.0f);
    for (int first = 0; first < n_outputs; first += kPanel) {
        const float* weights = panels + (ptrdiff_t)first * n_inputs + begin * kPanel;
        int n_here = n_outputs - first < kPanel ? n_outputs - first : kPanel;
        for (int n = 0; n < n_here; ++n, table += stride) {
            Vec values[kVectors];
            SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
                values[v] = load(table + v * kLanes);
            SKLSTM_UNROLL for (int k = 0; k < kInputs; ++k) {
                Vec weight = all(weights[k * kPanel + n]);
                SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
                    sums[k][v] += weight * values[v];
            }
        }
    }
    SKLSTM_UNROLL for (int k = 0; k < kInputs; ++k)
        SKLSTM_UNROLL for (int v = 0; v < kVectors; ++v)
            store(result + (begin + k) * stride + v * kLanes, sums[k][v]);
}

template <int kVectors>
static void multiply_transposed(const float* panels, int n_outputs, int n_inputs,
                                int begin, int end, const float* table, ptrdiff_t stride,
                                float* result) {
    // Blocks of nearly one size: a small one at the end would wait for its own sums.
    int n_blocks = (end - begin + kBlock - 1) / kBlock;
    for (int block = 0; block < n_blocks; ++block) {
        int size = (end - begin + n_blocks - block - 1) / (n_blocks - block);
#define SKLSTM_CASE(n)                                                                  \
    case n:                                                                             \
        multiply_transposed<n, kVectors>(panels, n_outputs, n_inputs, begin, table,     \
                                         stride, result);                               \
        break;
        switch (size) {
            SKLSTM_CASE(1) SKLSTM_CASE(2) SKLSTM_CASE(3) SKLSTM_CASE(4)
#if SKLSTM_LANES == 16 || defined(__ARM_NEON)
            SKLSTM_CASE(5) SKLSTM_CASE(6) SKLSTM_CASE(7) SKLSTM_CASE(8)
            SKLSTM_CASE(9) SKLSTM_CASE(10) SKLSTM_CASE(11) SKLSTM_CASE(12)
#endif
        }
#undef SKLSTM_CASE
        begin += size;
    }
}

// Some steps of a product between the features of two tables, summed over all rows.
struct Steps {
    int n_steps, n_rows;           // rows are a multiple of the lanes
    const float* outputs;          // gradients of the outputs, of the first step
    ptrdiff_t outputs_step;        // from a step to the next
    const float* inputs;
    ptrdiff_t inputs_step;
    ptrdiff_t stride;              // from a feature to the next
};

// Add the gradient of the weights between four outputs and kInputs inputs to a panel.
template <int kInputs>
SKLSTM_INLINE void add_gradient(const Steps& steps, const float* outputs,
                                const float* inputs, float* panel) {
    Vec totals[kInputs][4];
    SKLSTM_UNROLL for (int k = 0; k < kInputs; ++k)
        SKLSTM_UNROLL for (int n = 0; n < 4; ++n) totals[k][n] = all(0.0f);
    const ptrdiff_t stride = steps.stride;
    for (int step = 0; step < steps.n_steps; ++step) {
        const float* y = outputs + step * steps.outputs_step;
        const float* x = inputs + step * steps.inputs_step;
        for (int row = 0; row < steps.n_rows; row += kLanes) {
            Vec slopes[4];
            SKLSTM_UNROLL for (int n = 0; n < 4; ++n)
                slopes[n] = load(y + n * stride + row);
            SKLSTM_UNROLL for (int k = 0; k < kInputs; ++k) {
                Vec value = load(x + k * stride + row);
                SKLSTM_UNROLL for (int n = 0; n < 4; ++n)
                    totals[k][n] += slopes[n] * value;
            }
        }
    }
    SKLSTM_UNROLL for (int k = 0; k < kInputs; ++k) add_sums(totals[k], panel + k * kPanel);
}

// Add the gradient of the weights of four outputs, the first of them n, and their bias.
static void add_gradients(const Steps& steps, int n, int n_inputs, float* panels,
                          float* bias) {
    const float* outputs = steps.outputs + n * steps.stride;
    float* panel = panels + (ptrdiff_t)(n / kPanel) * kPanel * n_inputs + n % kPanel;
    int n_blocks = (n_inputs + kGradientBlock - 1) / kGradientBlock;
    for (int block = 0, begin = 0; block < n_blocks; ++block) {
        int size = (n_inputs - begin + n_blocks - block - 1) / (n_blocks - block);
        const float* inputs = steps.inputs + begin * steps.stride;
        float* to = panel + begin * kPanel;
#define SKLSTM_CASE(n)                                \
    case n:                                           \
        add_gradient<n>(steps, outputs, inputs, to);  \
        break;
        switch (size) {
            SKLSTM_CASE(1) SKLSTM_CASE(2) SKLSTM_CASE(3)
#if SKLSTM_LANES == 16 || defined(__ARM_NEON)
            SKLSTM_CASE(4) SKLSTM_CASE(5) SKLSTM_CASE(6)
#endif
        }
#undef SKLSTM_CASE
        begin += size;
    }
    Vec totals[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
    for (int step = 0; step < steps.n_steps; ++step) {
        const float* y = outputs + step * steps.outputs_step;
        for (int row = 0; row < steps.n_rows; row += kLanes)
            SKLSTM_UNROLL for (int four = 0; four < 4; ++four)
                totals[four] += load(y + four * steps.stride + row);
    }
    add_sums(totals, bias + n);
}

}  // namespace SKLSTM_LEVEL
