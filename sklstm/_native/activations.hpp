// The gates of an LSTM over vectors of rows.

#pragma once

#include "vector.hpp"

namespace SKLSTM_LEVEL {

// tanh(x) = x p(x^2) / q(x^2) on [-8, 8], a minimax fit of degree 4 over 4 whose error
// is 6e-9; float32 rounds it to 3.2e-7 at most. The sigmoid of x is 1 / (1 + 2^y) with
// y = -x log2(e), where 2^y comes from a fit of degree 5 over the fraction of y, and is
// exact to 1.1e-7, to 1e-6 of itself where it is small. Far out both are exactly 0 or 1,
// so that saturated gates have no slope: an optimizer that divides by the size of
// gradients would make steps of their rounding.
struct Constants {
    float tanh_most, tanh_one, p[5], q[5];
    float least, most, one, log2_e, magic, powers[6];
};

static const Constants kConstants = {
    8.0f,
    9.0f,
    {1.0f, 1.3444492e-01f, 3.5715911e-03f, 2.1894553e-05f, 1.5230272e-08f},
    {1.0f, 4.6777821e-01f, 2.6164416e-02f, 3.4112809e-04f, 8.5223859e-07f},
    -25.0f,
    30.0f,
    17.0f,
    -1.44269504f,
    12582912.0f,  // 1.5 * 2^23: what is added to it is rounded to an integer
    {1.00000007f, 6.93146967e-01f, 2.40221197e-01f, 5.55071327e-02f, 9.67554133e-03f,
     1.32764718e-03f}};

// Return constants that the compiler must read anew: kept in registers they would drive
// the sums of a product out of them.
SKLSTM_INLINE const Constants& constants_anew() {
    const Constants* at = &kConstants;
#if defined(__GNUC__)
    asm volatile("" : "+r"(at));
#endif
    return *at;
}

SKLSTM_INLINE Vec clipped(Vec x, float least, float most) {
    x = select(all(most) < x, all(most), x);
    return select(all(least) > x, all(least), x);
}

struct Fraction {
    Vec over, under;
};

SKLSTM_INLINE Fraction tanh_fraction(Vec x, const Constants& c) {
    x = clipped(x, -c.tanh_most, c.tanh_most);
    Vec u = x * x;
    Vec p = c.p[4] * u + c.p[3];
    Vec q = c.q[4] * u + c.q[3];
    SKLSTM_UNROLL for (int k = 2; k >= 0; --k) {
        p = p * u + c.p[k];
        q = q * u + c.q[k];
    }
    return {x * p, q};
}

// Return what is exactly -1 or 1 where tanh of x rounds to it, else the value found.
SKLSTM_INLINE Vec tanh_saturated(Vec x, Vec value, const Constants& c) {
    value = select(x > all(c.tanh_one), all(1.0f), value);
    return select(x < all(-c.tanh_one), all(-1.0f), value);
}

// Return 1 / sigmoid(x).
SKLSTM_INLINE Vec sigmoid_under(Vec x, const Constants& c) {
    const Vec y = c.log2_e * clipped(x, c.least, c.most);
    const Vec shifted = y + c.magic;
    const Vec f = y - (shifted - c.magic);
    Vec power = c.powers[5] * f + c.powers[4];
    SKLSTM_UNROLL for (int k = 3; k >= 0; --k) power = power * f + c.powers[k];
    return 1.0f + times_power_of_two(power, shifted);
}

struct Gates {
    Vec i, f, g, o;
};

// Return the gates of what goes into them. Their quotients share one division, which
// costs as much as the rest of two.
template <bool kRelu>
SKLSTM_INLINE Gates gates_of(Vec i, Vec f, Vec g, Vec o) {
    const Constants& constants = constants_anew();
    const Vec a = sigmoid_under(i, constants), b = sigmoid_under(f, constants);
    const Vec d = sigmoid_under(o, constants), zero = all(0.0f), full = all(1.0f);
    Fraction c = {select(g > zero, g, zero), full};
    if (!kRelu) c = tanh_fraction(g, constants);
    const Vec ab = a * b, cd = kRelu ? d : c.under * d;
    const Vec one = 1.0f / (ab * cd);
    const Vec of_ab = one * cd, of_cd = one * ab;
    Gates gates = {of_ab * b, of_ab * a, c.over, kRelu ? of_cd : of_cd * c.under};
    if (!kRelu) gates.g = tanh_saturated(g, c.over * (of_cd * d), constants);
    const Vec saturated = all(constants.one);
    gates.i = select(i > saturated, full, gates.i);
    gates.f = select(f > saturated, full, gates.f);
    gates.o = select(o > saturated, full, gates.o);
    return gates;
}

template <bool kRelu>
SKLSTM_INLINE Vec activation_of(Vec x) {
    if (kRelu) return select(x > all(0.0f), x, all(0.0f));
    const Constants& constants = constants_anew();
    const Fraction f = tanh_fraction(x, constants);
    return tanh_saturated(x, f.over / f.under, constants);
}

// Return the slope of the activation where its value is y.
template <bool kRelu>
SKLSTM_INLINE Vec activation_slope(Vec y) {
    if (kRelu) return select(y > all(0.0f), all(1.0f), all(0.0f));
    return 1.0f - y * y;
}

}  // namespace SKLSTM_LEVEL
