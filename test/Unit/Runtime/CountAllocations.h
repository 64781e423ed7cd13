//===- CountAllocations.h - malloc of the whole program, counted --------------------*- C++ -*-===//
//
// A program that links CountAllocations.cpp and exports its symbols has a malloc that takes the place
// of the C library's for all libraries that it loads, and counts. HM_TRACE=1 in its environment
// prints where each counted allocation comes from.
//
//===----------------------------------------------------------------------===//
#ifndef MIXSERVE_TEST_COUNTALLOCATIONS_H
#define MIXSERVE_TEST_COUNTALLOCATIONS_H

namespace allocations {

/// Begins a count at 0, of all threads.
void begin();
/// Ends it and returns how many there were.
int end();
/// While `off`, this thread's allocations are not counted.
void exempt(bool off);

} // namespace allocations

#endif // MIXSERVE_TEST_COUNTALLOCATIONS_H
