// What runs jobs: the level of instructions that the processor has, the layout of a
// network, memory for tapes, and threads that live as long as one call.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "jobs.hpp"

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace sklstm {

// -- levels ---------------------------------------------------------------------------

inline bool has_avx2() {
#if defined(SKLSTM_HAS_LEVELS) && defined(__GNUC__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(SKLSTM_HAS_LEVELS) && defined(_MSC_VER)
    int info[4];
    __cpuid(info, 1);
    const bool has_fma = info[2] & 1 << 12, has_os = info[2] & 1 << 27;
    if (!has_fma || !has_os || (_xgetbv(0) & 6) != 6) return false;
    __cpuidex(info, 7, 0);
    return info[1] & 1 << 5;
#else
    return false;
#endif
}

inline bool has_avx512() {
#if defined(SKLSTM_HAS_LEVELS) && defined(__GNUC__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
#elif defined(SKLSTM_HAS_LEVELS) && defined(_MSC_VER)
    if (!has_avx2() || (_xgetbv(0) & 0xe6) != 0xe6) return false;
    int info[4];
    __cpuidex(info, 7, 0);
    const int wanted = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;
    return (info[1] & wanted) == wanted;
#else
    return false;
#endif
}

// Return the levels that this processor has, the best last.
inline std::vector<const Kernels*> levels() {
    std::vector<const Kernels*> found = {baseline_kernels()};
#if defined(SKLSTM_HAS_LEVELS)
    if (has_avx2()) found.push_back(avx2_kernels());
    if (has_avx512()) found.push_back(avx512_kernels());
#endif
    return found;
}

// -- a network ------------------------------------------------------------------------

inline void check(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

// Return the outputs of panels that are filled up.
inline ptrdiff_t filled(ptrdiff_t n_outputs) { return (n_outputs + 11) / 12 * 12; }

// A network of some shape: where in the flat vector its weights lie.
class OwnNetwork {
  public:
    OwnNetwork(int window, int n_channels, int patch, const std::vector<int>& units,
               int n_directions, int n_outputs, bool is_relu) {
        check(window > 0 && n_channels > 0 && n_outputs > 0 && !units.empty(),
              "a network needs steps, channels, units and outputs");
        check(0 < patch && patch <= window, "a patch must fit into the window");
        check(n_directions == 1 || n_directions == 2,
              "there are one or two directions");
        int n_inputs = n_channels * patch;
        ptrdiff_t used = 0;
        auto take = [&](ptrdiff_t n_floats) { return (used += n_floats) - n_floats; };
        for (const int own : units) {
            check(own > 0, "a layer needs units");
            for (int direction = 0; direction < n_directions; ++direction) {
                const ptrdiff_t n_gates = filled(4 * (ptrdiff_t)own);
                const ptrdiff_t weights = take(n_gates * (n_inputs + own));
                cells_.push_back({n_inputs, own, weights, take(n_gates)});
            }
            n_inputs = own * n_directions;
        }
        network.n_layers = (int)units.size();
        network.n_directions = n_directions;
        network.n_outputs = n_outputs;
        network.window = window;
        network.n_channels = n_channels;
        network.patch = patch;
        network.n_steps = window / patch;
        network.is_relu = is_relu;
        network.cells = cells_.data();
        network.output_weights = take(filled(n_outputs) * n_inputs);
        network.output_bias = take(filled(n_outputs));
        network.n_weights = used;
    }
    OwnNetwork(const OwnNetwork&) = delete;
    Network network;

  private:
    std::vector<Cell> cells_;
};

// -- memory ---------------------------------------------------------------------------

// Memory that begins at a cache line and holds zeros.
class Memory {
  public:
    explicit Memory(size_t n_bytes)
        : bytes_(static_cast<char*>(::operator new(n_bytes, std::align_val_t(64)))) {
        std::memset(bytes_, 0, n_bytes);
    }
    ~Memory() { ::operator delete(bytes_, std::align_val_t(64)); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    char* bytes() { return bytes_; }

  private:
    char* bytes_;
};

// A tape with its memory.
class OwnTape {
  public:
    OwnTape(const Network& network, int n_rows, bool is_kept) {
        lay_out(network, n_rows, is_kept, nullptr);
        memory_ = std::make_unique<Memory>(n_bytes_);
        lay_out(network, n_rows, is_kept, memory_->bytes());
    }
    Tape tape;

    // Return the bytes that one row of a tape takes.
    static size_t bytes_per_row(const Network& network) {
        size_t n = 0;
        for (int at = 0; at < network.n_layers * network.n_directions; ++at) {
            const Cell& cell = network.cells[at];
            n += 2 * (size_t)cell.n_inputs + 7 * (size_t)cell.units;
        }
        return 4 * n * (size_t)network.n_steps;
    }

  private:
    std::unique_ptr<Memory> memory_;
    std::vector<float*> pointers_;
    size_t n_bytes_ = 0;

    void lay_out(const Network& network, int n_rows, bool is_kept, char* memory) {
        const int n_cells = network.n_layers * network.n_directions;
        const size_t stride = ((size_t)n_rows + 15) / 16 * 16;
        const size_t n_steps = (size_t)network.n_steps;
        size_t used = 0;
        auto take = [&](size_t n_floats) {
            float* at = memory ? reinterpret_cast<float*>(memory + used) : nullptr;
            used += (n_floats * 4 + 63) / 64 * 64;
            return at;
        };
        pointers_.assign(5 * (size_t)n_cells + 1, nullptr);
        tape.stride = (ptrdiff_t)stride;
        tape.is_kept = is_kept;
        float*** tables[] = {&tape.read, &tape.gates, &tape.cell, &tape.shown,
                             &tape.read_slopes};
        for (int k = 0; k < 5; ++k) *tables[k] = pointers_.data() + k * n_cells;
        size_t most_units = 0, most_inputs = 0, n_final = 0;
        for (int at = 0; at < n_cells; ++at) {
            const Cell& cell = network.cells[at];
            const size_t units = (size_t)cell.units, n_inputs = (size_t)cell.n_inputs;
            most_units = std::max(most_units, units);
            most_inputs = std::max(most_inputs, n_inputs);
            n_final = units * (size_t)network.n_directions;
            tape.read[at] = take((n_steps + 1) *
                                 (size_t)spaced(cell.n_inputs + cell.units) * stride);
            tape.cell[at] = take((is_kept ? n_steps + 1 : 1) * units * stride);
            if (!is_kept) continue;
            tape.gates[at] = take(n_steps * (size_t)spaced(4 * cell.units) * stride);
            tape.shown[at] = take(n_steps * units * stride);
        }
        if (is_kept) {
            for (int layer = 0; layer < network.n_layers; ++layer)
                tape.read_slopes[layer] =
                    take(n_steps * (size_t)network.cell(layer, 0).n_inputs * stride);
            // What the second direction adds.
            tape.read_slopes[network.n_layers] = take(most_inputs * stride);
        }
        const size_t n_outputs = ((size_t)network.n_outputs + 3) / 4 * 4;
        tape.hidden_slopes = take(most_units * stride);
        tape.cell_slopes = take(most_units * stride);
        tape.carried = take(most_units * stride);
        tape.final = take(n_final * stride);
        tape.final_slopes = take(n_final * stride);
        tape.outputs = take(n_outputs * stride);
        tape.output_slopes = take(n_outputs * stride);
        tape.is_true = take(stride);
        tape.factors = take(stride);
        tape.n_missing = reinterpret_cast<int32_t*>(take(stride));
        n_bytes_ = used;
    }
};

// -- threads --------------------------------------------------------------------------

// Leave the core to its other half for some cycles.
inline void pause() {
#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
    _mm_pause();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    asm volatile("yield");
#endif
}

// A point that threads pass together. They look out for each other for some fifty
// microseconds, since they meet some thousand times a second, and then sleep: another
// program may have the core of the one that they wait for.
class Meeting {
  public:
    explicit Meeting(int n_threads) : n_threads_(n_threads) {}

    void wait() {
        const int round = round_.load(std::memory_order_acquire);
        if (n_here_.fetch_add(1, std::memory_order_acq_rel) + 1 == n_threads_) {
            n_here_.store(0, std::memory_order_relaxed);
            {
                std::lock_guard<std::mutex> lock(mutex_);
                round_.store(round + 1, std::memory_order_release);
            }
            is_next_.notify_all();
            return;
        }
        for (int n = 0; n < kLooks; ++n) {
            if (round_.load(std::memory_order_acquire) != round) return;
            pause();
        }
        std::unique_lock<std::mutex> lock(mutex_);
        is_next_.wait(lock,
                      [&] { return round_.load(std::memory_order_acquire) != round; });
    }

    static void wait_at(void* meeting) { static_cast<Meeting*>(meeting)->wait(); }

  private:
    static constexpr int kLooks = 1 << 12;
    const int n_threads_;
    std::atomic<int> n_here_{0};
    std::atomic<int> round_{0};
    std::mutex mutex_;
    std::condition_variable is_next_;
};

// Run a job in some threads, of which this is one; in fewer where the system has no
// more. They begin when it is known how many there are.
inline void run(void (*work)(Job&, const Crew&, int), Job& job, int n_threads) {
    std::promise<Crew> promise;
    const std::shared_future<Crew> crew = promise.get_future().share();
    std::vector<std::thread> threads;
    threads.reserve((size_t)n_threads);
    try {
        for (int thread = 1; thread < n_threads; ++thread)
            threads.emplace_back(
                [&job, work, crew, thread] { work(job, crew.get(), thread); });
    } catch (const std::system_error&) {
    }
    Meeting meeting((int)threads.size() + 1);
    promise.set_value({(int)threads.size() + 1, &meeting, Meeting::wait_at});
    work(job, crew.get(), 0);
    for (std::thread& thread : threads) thread.join();
}

// Return seconds of a clock that never goes back.
inline double seconds() {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace sklstm
