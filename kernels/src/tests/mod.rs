mod arithmetic;
mod sums;
mod transforms;
