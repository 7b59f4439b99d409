pragma circom 2.0.0;

// Broken on purpose. With the only input dropped, t stands where the header would have the input.
template DroppedFirst() {
    signal input a;
    signal output c;
    signal t;
    t <-- a * a;
    c <== t * t;
}

component main = DroppedFirst();
