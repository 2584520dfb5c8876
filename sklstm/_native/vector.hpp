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

// Return x times 2^n, where n stands in the last bits of another float.
SKLSTM_INLINE Vec times_power_of_two(Vec x, Vec n) {
    return (Vec)((IntVec)x + ((IntVec)n << 23));
}

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
#undef SKLSTM_COMPARISON

SKLSTM_INLINE Vec& operator+=(Vec& a, Vec b) { return a = a + b; }

SKLSTM_INLINE Vec times_power_of_two(Vec x, Vec n) {
    for (int i = 0; i < kLanes; ++i) {
        uint32_t bits, power;
        memcpy(&bits, &x.lane[i], 4);
        memcpy(&power, &n.lane[i], 4);
        bits += power << 23;
        memcpy(&x.lane[i], &bits, 4);
    }
    return x;
}

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
// Add the sums of the lanes of four vectors to four floats.
SKLSTM_INLINE void add_sums(const Vec (&rows)[4], float* to) {
#if defined(__GNUC__) && !defined(SKLSTM_PLAIN_VECTORS)
    typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
    const Vec a = rows[0], b = rows[1], c = rows[2], d = rows[3];
#define SKLSTM_MIX __builtin_shufflevector
#if SKLSTM_LANES == 16
#define SKLSTM_LOW 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define SKLSTM_HIGH 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define SKLSTM_EVEN 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define SKLSTM_ODD 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
    Vec ab = SKLSTM_MIX(a, b, SKLSTM_LOW) + SKLSTM_MIX(a, b, SKLSTM_HIGH);
    Vec cd = SKLSTM_MIX(c, d, SKLSTM_LOW) + SKLSTM_MIX(c, d, SKLSTM_HIGH);
    Vec all_four = SKLSTM_MIX(ab, cd, SKLSTM_EVEN) + SKLSTM_MIX(ab, cd, SKLSTM_ODD);
    all_four += SKLSTM_MIX(all_four, all_four, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15,
                           12, 13);
    all_four += SKLSTM_MIX(all_four, all_four, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12,
                           15, 14);
    const Four sums = SKLSTM_MIX(all_four, all_four, 0, 4, 8, 12);
#undef SKLSTM_LOW
#undef SKLSTM_HIGH
#undef SKLSTM_EVEN
#undef SKLSTM_ODD
#elif SKLSTM_LANES == 8
    Vec ab = SKLSTM_MIX(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
             SKLSTM_MIX(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    Vec cd = SKLSTM_MIX(c, d, 0, 1, 2, 3, 8, 9, 10, 11) +
             SKLSTM_MIX(c, d, 4, 5, 6, 7, 12, 13, 14, 15);
    Vec all_four = SKLSTM_MIX(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                   SKLSTM_MIX(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    all_four += SKLSTM_MIX(all_four, all_four, 1, 0, 3, 2, 5, 4, 7, 6);
    const Four sums = SKLSTM_MIX(all_four, all_four, 0, 4, 2, 6);
#else
    Vec ab = SKLSTM_MIX(a, b, 0, 1, 4, 5) + SKLSTM_MIX(a, b, 2, 3, 6, 7);
    Vec cd = SKLSTM_MIX(c, d, 0, 1, 4, 5) + SKLSTM_MIX(c, d, 2, 3, 6, 7);
    const Four sums = SKLSTM_MIX(ab, cd, 0, 2, 4, 6) + SKLSTM_MIX(ab, cd, 1, 3, 5, 7);
#endif
#undef SKLSTM_MIX
    *reinterpret_cast<Four*>(to) += sums;
#else
    for (int n = 0; n < 4; ++n) {
        Vec row = rows[n];
        for (int half = kLanes / 2; half > 0; half /= 2)
            for (int i = 0; i < half; ++i) row[i] += row[i + half];
        to[n] += row[0];
    }
#endif
}

}  // namespace SKLSTM_LEVEL
