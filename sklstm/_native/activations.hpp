// The gates of an LSTM over vectors of rows.

#pragma once

#include "vector.hpp"

namespace SKLSTM_LEVEL {

// tanh(x) = x p(x^2) / q(x^2) on [-8, 8], a minimax fit of degree 4 over 4 whose error
// is 6e-9; float32 rounds it to 3.2e-7 at most. Beyond 8 tanh is 1 to that precision.
// The sigmoid of x is tanh(x / 2) / 2 + 1 / 2, its halves taken into the constants.
struct Constants {
    float most, least, p[5], q[5];
};

static const Constants kTanh = {
    8.0f,
    -8.0f,
    {1.0f, 1.3444492e-01f, 3.5715911e-03f, 2.1894553e-05f, 1.5230272e-08f},
    {1.0f, 4.6777821e-01f, 2.6164416e-02f, 3.4112809e-04f, 8.5223859e-07f}};

static const Constants kSigmoid = {
    16.0f,
    -16.0f,
    {0.25f, 8.4028076e-03f, 5.5806111e-05f, 8.5525598e-08f, 1.4873312e-11f},
    {1.0f, 1.1694455e-01f, 1.6352760e-03f, 5.3301264e-06f, 3.3290570e-09f}};

// Return constants that the compiler must read anew: kept in registers they would drive
// the sums of a product out of them.
SKLSTM_INLINE const Constants& read_anew(const Constants& constants) {
    const Constants* at = &constants;
#if defined(__GNUC__)
    asm volatile("" : "+r"(at));
#endif
    return *at;
}

struct Fraction {
    Vec over, under;
};

SKLSTM_INLINE Fraction fraction_of(Vec x, const Constants& c) {
    const Vec most = all(c.most), least = all(c.least);
    x = select(most < x, most, x);
    x = select(least > x, least, x);
    Vec u = x * x;
    Vec p = c.p[4] * u + c.p[3];
    Vec q = c.q[4] * u + c.q[3];
    SKLSTM_UNROLL for (int k = 2; k >= 0; --k) {
        p = p * u + c.p[k];
        q = q * u + c.q[k];
    }
    return {x * p, q};
}

struct Gates {
    Vec i, f, g, o;
};

// Return the gates of what goes into them. Their quotients share one division, which
// costs as much as the rest of two.
template <bool kRelu>
SKLSTM_INLINE Gates gates_of(Vec i, Vec f, Vec g, Vec o) {
    const Constants& sigmoid = read_anew(kSigmoid);
    Fraction a = fraction_of(i, sigmoid), b = fraction_of(f, sigmoid);
    Fraction d = fraction_of(o, sigmoid);
    Fraction c = {g, all(1.0f)};
    if (kRelu)
        c.over = select(g > all(0.0f), g, all(0.0f));
    else
        c = fraction_of(g, read_anew(kTanh));
    Vec ab = a.under * b.under, cd = kRelu ? d.under : c.under * d.under;
    Vec one = 1.0f / (ab * cd);
    Vec of_ab = one * cd, of_cd = one * ab;
    return {a.over * (of_ab * b.under) + 0.5f, b.over * (of_ab * a.under) + 0.5f,
            kRelu ? c.over : c.over * (of_cd * d.under),
            d.over * (kRelu ? of_cd : of_cd * c.under) + 0.5f};
}

template <bool kRelu>
SKLSTM_INLINE Vec activation_of(Vec x) {
    if (kRelu) {
        const Vec zero = all(0.0f);
        return select(x > zero, x, zero);
    }
    Fraction f = fraction_of(x, read_anew(kTanh));
    return f.over / f.under;
}

// Return the slope of the activation where its value is y.
template <bool kRelu>
SKLSTM_INLINE Vec activation_slope(Vec y) {
    if (kRelu) return select(y > all(0.0f), all(1.0f), all(0.0f));
    return 1.0f - y * y;
}

}  // namespace SKLSTM_LEVEL
