/* The exercise by hand: seven coefficients, sizes fixed at compile time. The limit of the table.
   REAL (float or double) and POINTS come from the compiler's command line. */
#include <tgmath.h>

static inline REAL sigmoid(REAL z) { return 1 / (1 + exp(-z)); }

/* a[0] … a[6] are a1 … a7, updated in place; returns J of the last epoch's pass. */
REAL descent(REAL *restrict a, const REAL *restrict x, const REAL *restrict y, long epochs,
             REAL rate) {
    REAL J = 0;
    for (long epoch = 0; epoch < epochs; epoch++) {
        REAL d1 = 0, d2 = 0, d3 = 0, d4 = 0, d5 = 0, d6 = 0, d7 = 0;
        J = 0;
        for (int i = 0; i < POINTS; i++) {
            REAL F1 = sigmoid(a[0] * x[i] + a[1]);
            REAL F2 = sigmoid(a[2] * x[i] + a[3]);
            REAL F = sigmoid(a[4] * F1 + a[5] * F2 + a[6]);
            REAL error = F - y[i];
            REAL delta = error * F * (1 - F);
            REAL delta1 = delta * a[4] * F1 * (1 - F1);
            REAL delta2 = delta * a[5] * F2 * (1 - F2);
            J += error * error / 2;
            d1 += delta1 * x[i];
            d2 += delta1;
            d3 += delta2 * x[i];
            d4 += delta2;
            d5 += delta * F1;
            d6 += delta * F2;
            d7 += delta;
        }
        a[0] -= rate * d1;
        a[1] -= rate * d2;
        a[2] -= rate * d3;
        a[3] -= rate * d4;
        a[4] -= rate * d5;
        a[5] -= rate * d6;
        a[6] -= rate * d7;
    }
    return J;
}
