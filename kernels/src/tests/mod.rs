mod arithmetic;
mod multiply;
mod sums;
mod transforms;
