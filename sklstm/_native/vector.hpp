// A vector of floats, as wide as the level of instructions that a file is compiled for.
//
// Everything lies in SKLSTM_LEVEL, a namespace of its own for each level: were two
// levels to share an inline function, the linker might keep the one that an older
// processor cannot run. For the same reason no header of the standard library is used
// here but for what C has.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#define SKLSTM_LANES 16
#elif defined(__AVX2__)
#define SKLSTM_LANES 8
#else
#define SKLSTM_LANES 4  // SSE2, or NEON
#endif

#if defined(_MSC_VER)
#define SKLSTM_INLINE static __forceinline
#define SKLSTM_UNROLL
#elif defined(__clang__)
#define SKLSTM_INLINE static inline __attribute__((always_inline))
#define SKLSTM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SKLSTM_INLINE static inline __attribute__((always_inline))
#define SKLSTM_UNROLL _Pragma("GCC unroll 16")
#endif

namespace SKLSTM_LEVEL {

constexpr int kLanes = SKLSTM_LANES;

#if defined(__GNUC__) && !defined(SKLSTM_PLAIN_VECTORS)

typedef float Vec __attribute__((vector_size(4 * SKLSTM_LANES), may_alias));
typedef int32_t IntVec __attribute__((vector_size(4 * SKLSTM_LANES), may_alias));

SKLSTM_INLINE Vec select(IntVec condition, Vec yes, Vec no) {
    return condition ? yes : no;
}

SKLSTM_INLINE Vec all(float value) { return value - Vec{}; }

#else  // the same in loops, which any compiler understands

struct IntVec {
    int32_t lane[kLanes];
};

struct Vec {
    float lane[kLanes];
    float& operator[](int i) { return lane[i]; }
    float operator[](int i) const { return lane[i]; }
};

#define SKLSTM_OPERATOR(op)                                           \
    SKLSTM_INLINE Vec operator op(Vec a, Vec b) {                     \
        for (int i = 0; i < kLanes; ++i) a.lane[i] = a.lane[i] op b.lane[i]; \
        return a;                                                     \
    }                                                                 \
    SKLSTM_INLINE Vec operator op(float a, Vec b) {                   \
        for (int i = 0; i < kLanes; ++i) b.lane[i] = a op b.lane[i];  \
        return b;                                                     \
    }                                                                 \
    SKLSTM_INLINE Vec operator op(Vec a, float b) {                   \
        for (int i = 0; i < kLanes; ++i) a.lane[i] = a.lane[i] op b;  \
        return a;                                                     \
    }
SKLSTM_OPERATOR(+)
SKLSTM_OPERATOR(-)
SKLSTM_OPERATOR(*)
SKLSTM_OPERATOR(/)
#undef SKLSTM_OPERATOR

#define SKLSTM_COMPARISON(op)                                             \
    SKLSTM_INLINE IntVec operator op(Vec a, Vec b) {                      \
        IntVec result;                                                    \
        for (int i = 0; i < kLanes; ++i) result.lane[i] = -(a.lane[i] op b.lane[i]); \
        return result;                                                    \
    }
SKLSTM_COMPARISON(<)
SKLSTM_COMPARISON(>)
SKLSTM_COMPARISON(<=)
#undef SKLSTM_COMPARISON

SKLSTM_INLINE Vec& operator+=(Vec& a, Vec b) { return a = a + b; }

SKLSTM_INLINE Vec all(float value) {
    Vec result;
    for (int i = 0; i < kLanes; ++i) result.lane[i] = value;
    return result;
}

SKLSTM_INLINE Vec select(IntVec condition, Vec yes, Vec no) {
    for (int i = 0; i < kLanes; ++i)
        if (!condition.lane[i]) yes.lane[i] = no.lane[i];
    return yes;
}

#endif

SKLSTM_INLINE Vec load(const float* from) { return *reinterpret_cast<const Vec*>(from); }
SKLSTM_INLINE void store(float* to, Vec values) { *reinterpret_cast<Vec*>(to) = values; }
// Return the sum of the lanes, in pairs: halves are added until one is left.
SKLSTM_INLINE float sum(Vec values) {
    float lanes[kLanes];
    memcpy(lanes, &values, sizeof lanes);
    for (int half = kLanes / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    return lanes[0];
}

// Return the sums of the lanes of four vectors.
SKLSTM_INLINE void sums(const Vec (&rows)[4], float (&result)[4]) {
#if defined(__GNUC__) && !defined(SKLSTM_PLAIN_VECTORS) && SKLSTM_LANES == 16
    auto half = [](Vec a, Vec b) {
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20,
                                       21, 22, 23) +
               __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27,
                                       28, 29, 30, 31);
    };
    Vec a = half(rows[0], rows[1]), b = half(rows[2], rows[3]);
    Vec c = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25,
                                    26, 27) +
            __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28,
                                    29, 30, 31);
    c += __builtin_shufflevector(c, c, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12,
                                 13);
    c += __builtin_shufflevector(c, c, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15,
                                 14);
    for (int i = 0; i < 4; ++i) result[i] = c[4 * i];
#else
    for (int i = 0; i < 4; ++i) result[i] = sum(rows[i]);
#endif
}

}  // namespace SKLSTM_LEVEL
