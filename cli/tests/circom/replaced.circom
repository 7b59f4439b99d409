pragma circom 2.0.0;

// Sound, but simplification replaces e by d: nothing in the files says so. b is declared after a and
// numbered before it, because it is public.
template Replaced() {
    signal input a;
    signal input b[2];
    signal output c;
    signal output d;
    signal input e;
    d <== e;
    c <== a * b[0] + b[1];
}

component main {public [b]} = Replaced();
