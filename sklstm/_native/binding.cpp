// The kernels as a Python module: arrays are checked here, once, and trusted below.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "runner.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using sklstm::check;
using sklstm::OwnNetwork;

namespace {

template <class T, size_t kDims>
using Array = nb::ndarray<T, nb::numpy, nb::ndim<kDims>, nb::c_contig, nb::device::cpu>;
using Floats = Array<const float, 1>;
using Table = Array<const float, 2>;
using Numbers = Array<const int32_t, 1>;

// Return a new array with the values of a vector.
nb::object array_of(const std::vector<float>& values) {
    float* copy = new float[values.size()];
    std::copy(values.begin(), values.end(), copy);
    nb::capsule owner(copy, [](void* p) noexcept { delete[] static_cast<float*>(p); });
    return nb::cast(
        nb::ndarray<nb::numpy, float, nb::ndim<1>>(copy, {values.size()}, owner));
}

const sklstm::Kernels* kernels_named(const std::string& level) {
    const auto levels = sklstm::levels();
    if (level.empty()) return levels.back();
    for (const sklstm::Kernels* kernels : levels)
        if (kernels->name == level) return kernels;
    throw std::invalid_argument("this processor has no level '" + level + "'");
}

// -- windows --------------------------------------------------------------------------

// Windows of a network, with the arrays that hold them.
class OwnWindows {
  public:
    OwnWindows(Table base, Numbers starts, nb::object n_missing, Floats mean,
               Floats scale, Array<const uint8_t, 1> is_centred)
        : base_(base),
          starts_(starts),
          mean_(mean),
          scale_(scale),
          is_centred_(is_centred) {
        const size_t n_channels = base.shape(1);
        check(mean.size() == n_channels && scale.size() == n_channels &&
                  is_centred.size() == n_channels,
              "mean, scale and is_centred must have a value for each channel");
        windows = {base.data(), starts.data(), nullptr,
                   mean.data(), scale.data(),  is_centred.data()};
        if (!n_missing.is_none()) {
            n_missing_ = nb::cast<Numbers>(n_missing);
            check(n_missing_.size() == starts.size(),
                  "n_missing must be one for each row");
            windows.n_missing = n_missing_.data();
        }
    }

    size_t n_rows() const { return starts_.size(); }

    void check_fit(const sklstm::Network& network) const {
        check(base_.shape(1) == (size_t)network.n_channels,
              "the base has other channels");
        const int64_t last = (int64_t)base_.shape(0) - network.window;
        for (size_t row = 0; row < starts_.size(); ++row)
            check(0 <= starts_.data()[row] && starts_.data()[row] <= last,
                  "a window lies outside its base");
    }

    sklstm::Windows windows;

  private:
    Table base_;
    Numbers starts_, n_missing_;
    Floats mean_, scale_;
    Array<const uint8_t, 1> is_centred_;
};

// Tapes for some threads.
class Tapes {
  public:
    Tapes(const sklstm::Network& network, int n_tapes, int n_rows, bool is_kept) {
        for (int i = 0; i < n_tapes; ++i) {
            own_.push_back(std::make_unique<sklstm::OwnTape>(network, n_rows, is_kept));
            tapes_.push_back(own_.back()->tape);
        }
    }
    sklstm::Tape* data() { return tapes_.data(); }

  private:
    std::vector<std::unique_ptr<sklstm::OwnTape>> own_;
    std::vector<sklstm::Tape> tapes_;
};

// Return whether rows make so much work that threads are worth their start.
bool is_worth_threads(const sklstm::Network& network, int64_t n_rows) {
    return n_rows * network.n_steps * network.n_weights >= 1 << 21;
}

// Columns of a tape: two vectors of the widest level.
constexpr int kTileRows = 32;

// Multiply-adds between two looks at the clock.
constexpr int64_t kWork = 1 << 27;

// Fill an array with what is predicted of rows begin to end, or with the slopes of an
// output by the inputs.
void predict(const OwnNetwork& own, Floats weights, const OwnWindows& windows,
             int64_t begin, int64_t end, Array<float, 2> result, int output,
             int n_threads, const std::string& level) {
    const sklstm::Network& network = own.network;
    const bool is_slopes = output >= 0;
    const size_t n_columns = is_slopes
                                 ? (size_t)network.n_steps * network.cell(0, 0).n_inputs
                                 : network.n_outputs;
    windows.check_fit(network);
    check((ptrdiff_t)weights.size() == network.n_weights, "weights of another network");
    check(0 <= begin && begin <= end && (size_t)end <= windows.n_rows(),
          "rows not there");
    check(output < network.n_outputs, "an output is not there");
    check(result.shape(0) == windows.n_rows() && result.shape(1) == n_columns,
          "the result has another shape");
    const sklstm::Kernels* kernels = kernels_named(level);
    const int64_t n_tiles = (end - begin + kTileRows - 1) / kTileRows;
    if (!is_worth_threads(network, end - begin)) n_threads = 1;
    n_threads = (int)std::min<int64_t>(n_threads, std::max<int64_t>(n_tiles, 1));
    Tapes tapes(network, n_threads, kTileRows, is_slopes);
    sklstm::Job job = {};
    job.network = network;
    job.windows = windows.windows;
    job.weights = weights.data();
    job.tapes = tapes.data();
    job.tile_rows = kTileRows;
    job.begin = begin;
    job.end = end;
    (is_slopes ? job.input_slopes : job.predictions) = result.data();
    job.output = output;
    nb::gil_scoped_release released;
    sklstm::run(kernels->predict, job, n_threads);
}

// -- training -------------------------------------------------------------------------

sklstm::Loss loss_named(const std::string& name) {
    if (name == "huber") return sklstm::Loss::huber;
    if (name == "log_cosh") return sklstm::Loss::log_cosh;
    if (name == "mae") return sklstm::Loss::mae;
    if (name == "mse") return sklstm::Loss::mse;
    if (name == "quantile") return sklstm::Loss::quantile;
    throw std::invalid_argument("no loss '" + name + "'");
}

sklstm::Rule rule_named(const std::string& name) {
    if (name == "adam") return sklstm::Rule::adam;
    if (name == "adamw") return sklstm::Rule::adamw;
    if (name == "rmsprop") return sklstm::Rule::rmsprop;
    if (name == "sgd") return sklstm::Rule::sgd;
    throw std::invalid_argument("no optimizer '" + name + "'");
}

// A network that learns: its weights, its optimizer's state, and an epoch under way.
class Trainer {
  public:
    Trainer(const OwnNetwork& network, const OwnWindows& windows, Table targets,
            nb::object row_weights, Floats levels, const std::string& loss,
            Floats weights, const std::vector<Floats>& slots,
            const std::string& optimizer, const std::vector<double>& numbers,
            double clipnorm, int64_t n_steps, int64_t batch_size, double dropout,
            uint64_t seed, int n_threads, const std::string& level)
        : targets_(targets),
          levels_(levels.data(), levels.data() + levels.size()),
          weights_(weights.data(), weights.data() + weights.size()),
          kernels_(kernels_named(level)) {
        job_.network = network.network;
        job_.windows = windows.windows;
        n_rows_ = windows.n_rows();
        windows.check_fit(job_.network);
        const size_t n_outputs = (size_t)job_.network.n_outputs;
        const size_t n_weights = (size_t)job_.network.n_weights;
        check(weights.size() == n_weights, "weights of another network");
        check(targets.shape(0) == n_rows_ && targets.shape(1) == n_outputs,
              "targets must be (n_rows, n_outputs)");
        check(levels.size() == n_outputs, "there must be a level for each output");
        check(numbers.size() == 5, "an optimizer has five numbers");
        check(0 <= dropout && dropout < 1, "dropout must be in [0, 1)");
        check(batch_size > 0 && n_threads > 0, "a batch needs rows and a thread");
        job_.targets = targets_.data();
        if (!row_weights.is_none()) {
            row_weights_ = nb::cast<Floats>(row_weights);
            check(row_weights_.size() == n_rows_, "weights must be one for each row");
            job_.row_weights = row_weights_.data();
        }
        for (size_t i = 0; i < 2; ++i) {
            slots_[i].assign(n_weights, 0.0f);
            if (i >= slots.size()) continue;
            check(slots[i].size() == n_weights,
                  "an optimizer state of another network");
            std::copy_n(slots[i].data(), n_weights, slots_[i].data());
        }
        job_.levels = levels_.data();
        job_.loss = loss_named(loss);
        job_.optimizer.rule = rule_named(optimizer);
        job_.optimizer.rate = numbers[0];
        std::copy_n(numbers.begin() + 1, 4, job_.optimizer.constants);
        job_.optimizer.clipnorm = clipnorm;
        job_.optimizer.n_steps = n_steps;
        // A share so close to 1 that float32 rounds it there stays below.
        job_.dropout = std::min((float)dropout, std::nextafter(1.0f, 0.0f));
        job_.seed = seed;
        batch_size = std::min<int64_t>(batch_size, (int64_t)n_rows_);
        job_.batch_size = batch_size;
        // What is not worth threads is not cut for them.
        const bool is_shared = is_worth_threads(job_.network, batch_size);
        job_.tile_rows = is_shared ? kTileRows / 2 : kTileRows;
        const int64_t n_tiles = (batch_size + job_.tile_rows - 1) / job_.tile_rows;
        job_.n_shards = is_shared ? (int)std::min<int64_t>(n_tiles, 8) : 1;
        n_threads_ = std::min(n_threads, job_.n_shards);
        gradient_.assign(n_weights * (size_t)job_.n_shards, 0.0f);
        losses_.assign((size_t)batch_size, 0.0);
        next_tiles_.assign((size_t)job_.n_shards, 0);
        job_.weights = job_.learned = weights_.data();
        job_.gradient = gradient_.data();
        job_.slots[0] = slots_[0].data();
        job_.slots[1] = slots_[1].data();
        job_.losses = losses_.data();
        job_.next_tiles = next_tiles_.data();
        job_.now = sklstm::seconds;
        tapes_ = std::make_unique<Tapes>(job_.network, n_threads_, kTileRows, true);
    }
    Trainer(const Trainer&) = delete;

    // Begin some epochs, each with an order of the rows of its own, and after each find
    // the loss of the validation rows. They end early after `patience` epochs without a
    // better one, or where a loss is not finite.
    void begin(Array<const int32_t, 2> orders, Numbers validation_rows,
               int64_t patience) {
        check_rows(orders.data(), orders.size());
        check_rows(validation_rows.data(), validation_rows.size());
        orders_ = orders;
        validation_rows_ = validation_rows;
        validation_losses_.assign(validation_rows.size(), 0.0);
        patience_ = patience;
        epoch_ = 0;
        found_.clear();
        begin_epoch();
    }

    // Go on with the epochs for some seconds; return whether they have ended.
    bool go_on(double seconds) {
        nb::gil_scoped_release released;
        const double deadline = sklstm::seconds() + seconds;
        const int64_t n_epochs = (int64_t)orders_.shape(0);
        while (epoch_ < n_epochs) {
            job_.tapes = tapes_->data();
            job_.deadline = deadline;
            sklstm::run(kernels_->train, job_, n_threads_);
            if (job_.batch * job_.batch_size < job_.n_rows) return false;
            if (!validate(deadline)) return false;
            epoch_ = end_epoch() ? n_epochs : epoch_ + 1;
            begin_epoch();
            if (sklstm::seconds() > deadline) break;
        }
        return epoch_ >= n_epochs;
    }

    // Return the mean loss of each epoch that has ended, and that of its validation,
    // NaN where nothing is validated.
    std::vector<std::pair<double, double>> losses() const { return found_; }

    // Let the rate fall to 0 over some steps from now on, as half a cosine does.
    void anneal(int64_t n_steps) {
        job_.optimizer.n_annealed = n_steps;
        job_.optimizer.annealed_from = job_.optimizer.n_steps;
    }

    int64_t n_steps() const { return job_.optimizer.n_steps; }
    nb::object weights() const { return array_of(weights_); }
    // Those with the least validation loss; the last ones where nothing was validated.
    nb::object best_weights() const {
        return array_of(best_.empty() ? weights_ : best_);
    }
    nb::object slot(size_t which) const {
        check(which < 2, "there are two slots");
        return array_of(slots_[which]);
    }

  private:
    Table targets_;
    Floats row_weights_;
    Array<const int32_t, 2> orders_;
    Numbers validation_rows_;
    std::vector<float> levels_, weights_, best_, slots_[2], gradient_;
    std::vector<double> losses_, validation_losses_;
    std::vector<int64_t> next_tiles_;
    std::vector<std::pair<double, double>> found_;
    const sklstm::Kernels* kernels_;
    std::unique_ptr<Tapes> tapes_, reading_;
    size_t n_rows_;
    int n_threads_;
    int64_t epoch_ = 0, n_validated_ = 0, patience_ = 0, n_idle_ = 0;
    double best_loss_ = std::numeric_limits<double>::infinity();
    sklstm::Job job_ = {};

    void check_rows(const int32_t* rows, size_t n) const {
        for (size_t i = 0; i < n; ++i)
            check(0 <= rows[i] && (size_t)rows[i] < n_rows_, "a row is not there");
    }

    void begin_epoch() {
        job_.n_rows = (int64_t)orders_.shape(1);
        job_.order = orders_.data() +
                     std::min<int64_t>(epoch_, orders_.shape(0) - 1) * job_.n_rows;
        job_.batch = 0;
        job_.loss_sum = 0.0;
        n_validated_ = 0;
        for (size_t shard = 0; shard < next_tiles_.size(); ++shard)
            next_tiles_[shard] = (int64_t)shard;
    }

    // Find the losses of the validation rows; return whether time was enough.
    bool validate(double deadline) {
        const int64_t n = (int64_t)validation_rows_.size();
        if (n && !reading_)
            reading_ =
                std::make_unique<Tapes>(job_.network, n_threads_, kTileRows, false);
        const int64_t n_products = job_.network.n_steps * job_.network.n_weights;
        const int64_t step =
            std::max<int64_t>(kTileRows * n_threads_, kWork / n_products);
        while (n_validated_ < n) {
            sklstm::Job job = job_;
            job.tapes = reading_->data();
            job.tile_rows = kTileRows;
            job.rows = validation_rows_.data();
            job.begin = n_validated_;
            job.end = std::min(n_validated_ + step, n);
            job.losses = validation_losses_.data();
            sklstm::run(kernels_->predict, job, n_threads_);
            n_validated_ = job.end;
            if (n_validated_ < n && sklstm::seconds() > deadline) return false;
        }
        return true;
    }

    // Keep the losses of an epoch, and its weights where they are the best; return
    // whether it is the last.
    bool end_epoch() {
        double validation = 0.0;
        for (const double loss : validation_losses_) validation += loss;
        const double n_outputs = job_.network.n_outputs;
        validation /= (double)validation_losses_.size() * n_outputs;
        found_.emplace_back(job_.loss_sum / ((double)job_.n_rows * n_outputs),
                            validation);
        if (!std::isfinite(job_.loss_sum)) return true;
        if (validation_losses_.empty()) return false;
        ++n_idle_;
        if (validation < best_loss_) {
            best_loss_ = validation;
            best_ = weights_;
            n_idle_ = 0;
        }
        return n_idle_ >= patience_;
    }
};

std::vector<std::string> level_names() {
    std::vector<std::string> names;
    for (const sklstm::Kernels* kernels : sklstm::levels())
        names.push_back(kernels->name);
    return names;
}

}  // namespace

NB_MODULE(_lstm_kernels, module) {
    // Networks are kept in a cache of Python's until the process ends.
    nb::set_leak_warnings(false);
    module.def("levels", level_names);
    nb::class_<OwnNetwork>(module, "Network")
        .def(nb::init<int, int, int, const std::vector<int>&, int, int, bool>())
        .def_prop_ro("n_weights",
                     [](const OwnNetwork& own) { return own.network.n_weights; });
    nb::class_<OwnWindows>(module, "Windows")
        .def(nb::init<Table, Numbers, nb::object, Floats, Floats,
                      Array<const uint8_t, 1>>(),
             "base"_a.noconvert(), "starts"_a.noconvert(), "n_missing"_a.none(),
             "mean"_a.noconvert(), "scale"_a.noconvert(), "is_centred"_a.noconvert());
    module.def("predict", predict, "network"_a, "weights"_a.noconvert(), "windows"_a,
               "begin"_a, "end"_a, "result"_a.noconvert(), "output"_a, "n_threads"_a,
               "level"_a);
    nb::class_<Trainer>(module, "Trainer")
        .def(nb::init<const OwnNetwork&, const OwnWindows&, Table, nb::object, Floats,
                      const std::string&, Floats, const std::vector<Floats>&,
                      const std::string&, const std::vector<double>&, double, int64_t,
                      int64_t, double, uint64_t, int, const std::string&>(),
             nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>(), "network"_a, "windows"_a,
             "targets"_a.noconvert(), "row_weights"_a.none(), "levels"_a.noconvert(),
             "loss"_a, "weights"_a.noconvert(), "slots"_a, "optimizer"_a, "numbers"_a,
             "clipnorm"_a, "n_steps"_a, "batch_size"_a, "dropout"_a, "seed"_a,
             "n_threads"_a, "level"_a)
        .def("begin", &Trainer::begin, "orders"_a.noconvert(),
             "validation_rows"_a.noconvert(), "patience"_a)
        .def("go_on", &Trainer::go_on, "seconds"_a)
        .def_prop_ro("losses", &Trainer::losses)
        .def("anneal", &Trainer::anneal, "n_steps"_a)
        .def_prop_ro("n_steps", &Trainer::n_steps)
        .def_prop_ro("weights", &Trainer::weights)
        .def_prop_ro("best_weights", &Trainer::best_weights)
        .def("slot", &Trainer::slot, "which"_a);
}
