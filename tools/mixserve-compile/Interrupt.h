//===- Interrupt.h - Ctrl-C leaves nothing half-written -----------*- C++ -*-===//
#ifndef MIXSERVE_TOOLS_COMPILE_INTERRUPT_H
#define MIXSERVE_TOOLS_COMPILE_INTERRUPT_H

namespace mixserve::tools {

/// From now on SIGINT, SIGTERM and SIGHUP (unless ignored, as under nohup) first remove what is
/// unfinished, artifact folder or output file, then end the process as they would have. Call it
/// before any other thread starts.
void cleanUpOnInterrupt();

} // namespace mixserve::tools

#endif // MIXSERVE_TOOLS_COMPILE_INTERRUPT_H
