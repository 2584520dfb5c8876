// The kernels for one level of instructions. This file is compiled once for each, with
// SKLSTM_LEVEL as its name and namespace.

#include "kernels.hpp"

#define SKLSTM_TEXT_OF(name) #name
#define SKLSTM_TEXT(name) SKLSTM_TEXT_OF(name)
#define SKLSTM_JOINED_OF(a, b) a##b
#define SKLSTM_JOINED(a, b) SKLSTM_JOINED_OF(a, b)

const sklstm::Kernels* sklstm::SKLSTM_JOINED(SKLSTM_LEVEL, _kernels)() {
    static const sklstm::Kernels kernels = {SKLSTM_TEXT(SKLSTM_LEVEL),
                                            SKLSTM_LEVEL::kLanes, SKLSTM_LEVEL::train,
                                            SKLSTM_LEVEL::predict};
    return &kernels;
}
