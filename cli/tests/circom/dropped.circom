pragma circom 2.0.0;

// Broken on purpose: no row ties t to a. Simplification drops a, and t moves to the wire behind b.
template Dropped() {
    signal input a;
    signal input b;
    signal output c;
    signal t;
    t <-- a * a;
    c <== t * b;
}

component main = Dropped();
