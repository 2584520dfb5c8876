// The gates of an LSTM over vectors of rows.

#pragma once

#include "vector.hpp"

namespace SKLSTM_LEVEL {

// tanh(x) = x p(x^2) / q(x^2) on [-8, 8], a minimax fit of degree 4 over 4 whose error
// is 6e-9; float32 rounds it to 3.2e-7 at most. Beyond 8 tanh is 1 to that precision.
struct Fraction {
    Vec over, under;
};

SKLSTM_INLINE Fraction tanh_fraction(Vec x) {
    const Vec most = all(8.0f), least = all(-8.0f);
    x = select(x > most, most, x);
    x = select(x < least, least, x);
    Vec u = x * x;
    Vec p = 1.5230272e-08f * u + 2.1894553e-05f;
    Vec q = 8.5223859e-07f * u + 3.4112809e-04f;
    p = p * u + 3.5715911e-03f;
    q = q * u + 2.6164416e-02f;
    p = p * u + 1.3444492e-01f;
    q = q * u + 4.6777821e-01f;
    p = p * u + 1.0f;
    q = q * u + 1.0f;
    return {x * p, q};
}

SKLSTM_INLINE Vec tanh_of(Vec x) {
    Fraction f = tanh_fraction(x);
    return f.over / f.under;
}

struct Gates {
    Vec i, f, g, o;
};

// Return the gates of what goes into them; sigmoid(x) = tanh(x / 2) / 2 + 1 / 2. Four
// quotients share one division, which costs as much as the rest of two.
template <bool kRelu>
SKLSTM_INLINE Gates gates_of(Vec i, Vec f, Vec g, Vec o) {
    Fraction a = tanh_fraction(0.5f * i), b = tanh_fraction(0.5f * f);
    Fraction d = tanh_fraction(0.5f * o);
    if (kRelu) {
        const Vec zero = all(0.0f);
        Vec ab = a.under * b.under;
        Vec one = 1.0f / (ab * d.under);
        Vec of_ab = one * d.under;
        Vec ti = a.over * (of_ab * b.under), tf = b.over * (of_ab * a.under);
        Vec to = d.over * (one * ab);
        return {0.5f * ti + 0.5f, 0.5f * tf + 0.5f, select(g > zero, g, zero),
                0.5f * to + 0.5f};
    }
    Fraction c = tanh_fraction(g);
    Vec ab = a.under * b.under, cd = c.under * d.under;
    Vec one = 1.0f / (ab * cd);
    Vec of_ab = one * cd, of_cd = one * ab;
    Vec ti = a.over * (of_ab * b.under), tf = b.over * (of_ab * a.under);
    Vec tg = c.over * (of_cd * d.under), to = d.over * (of_cd * c.under);
    return {0.5f * ti + 0.5f, 0.5f * tf + 0.5f, tg, 0.5f * to + 0.5f};
}

template <bool kRelu>
SKLSTM_INLINE Vec activation_of(Vec x) {
    if (kRelu) {
        const Vec zero = all(0.0f);
        return select(x > zero, x, zero);
    }
    return tanh_of(x);
}

// Return the slope of the activation where its value is y.
template <bool kRelu>
SKLSTM_INLINE Vec activation_slope(Vec y) {
    if (kRelu) return select(y > all(0.0f), all(1.0f), all(0.0f));
    return 1.0f - y * y;
}

}  // namespace SKLSTM_LEVEL
