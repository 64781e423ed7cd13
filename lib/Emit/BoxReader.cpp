//===- BoxReader.cpp - Parts of parameters from their source files ----------===//
#include "BoxReader.h"
#include "PackCells.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <sys/mman.h>
#include <vector>

using namespace mlir;
using namespace mixserve;

//===----------------------------------------------------------------------===//
// Elements to f32. Source files are little-endian, as ONNX and safetensors say.
//===----------------------------------------------------------------------===//

static float fromHalf(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  if (exponent == 31)
    return llvm::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0)
    return llvm::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = float(mantissa) * 0x1p-24f; // subnormal: exact in f32
  return sign ? -magnitude : magnitude;
}

namespace {
enum class Element { F32, F16, BF16 };
} // namespace

static std::optional<Element> elementOf(Type type) {
  if (type.isF32())
    return Element::F32;
  if (type.isF16())
    return Element::F16;
  if (type.isBF16())
    return Element::BF16;
  return std::nullopt;
}

static int64_t bytesOf(Element element) { return element == Element::F32 ? 4 : 2; }

static float load(Element element, const char *source) {
  if (element == Element::F32) {
    float value;
    std::memcpy(&value, source, sizeof value);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, source, sizeof bits);
  return element == Element::F16 ? fromHalf(bits) : mxs_bf16_to_f32(bits);
}

/// out[i] = element i of `count` that lie side by side.
static void convertRow(Element element, const char *source, int64_t count, float *out) {
  if (element == Element::F32) {
    std::memcpy(out, source, count * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    out[i] = load(element, source + 2 * i);
}

static void convertRow(Element element, const char *source, int64_t count, uint16_t *out) {
  if (element == Element::BF16) {
    std::memcpy(out, source, count * sizeof(uint16_t));
    return;
  }
  constexpr int64_t part = 256;
  float values[part];
  for (int64_t first = 0; first < count; first += part) {
    const int64_t size = std::min(part, count - first);
    convertRow(element, source + first * bytesOf(element), size, values);
    roundToBf16(values, size, out + first);
  }
}

static void convertOne(Element element, const char *source, float *out) { *out = load(element, source); }

static void convertOne(Element element, const char *source, uint16_t *out) {
  if (element == Element::BF16)
    std::memcpy(out, source, sizeof *out);
  else
    *out = mxs_bf16_from_f32(load(element, source));
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

/// True if `file` is relative and has no part "..".
static bool staysInside(StringRef file) {
  if (file.empty() || llvm::sys::path::is_absolute(file))
    return false;
  return llvm::none_of(llvm::make_range(llvm::sys::path::begin(file), llvm::sys::path::end(file)),
                       [](StringRef part) { return part == ".."; });
}

const llvm::MemoryBuffer *BoxReader::open(nn::ParamOp param, StringRef file) {
  std::unique_ptr<llvm::MemoryBuffer> &content = files[file];
  if (content)
    return content.get();
  if (!staysInside(file)) {
    param.emitError("source file '") << file << "' is outside the model's folder";
    return nullptr;
  }
  // Large files are mapped, not read.
  auto opened = llvm::MemoryBuffer::getFile(folder + "/" + file, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!opened) {
    param.emitError("cannot read '") << folder << "/" << file << "': " << opened.getError().message();
    return nullptr;
  }
  content = std::move(*opened);
  return content.get();
}

LogicalResult BoxReader::check(nn::ParamOp param) {
  for (auto box : param.getBoxes().getAsRange<nn::BoxAttr>()) {
    std::optional<Element> element = elementOf(box.getType());
    if (!element)
      return param.emitError("elements of type ") << box.getType() << " cannot be packed";
    const llvm::MemoryBuffer *content = open(param, box.getFile());
    if (!content)
      return failure();
    int64_t last = 0;
    bool overflow = false;
    for (auto [size, stride] : llvm::zip_equal(box.getShape(), box.getStrides())) {
      int64_t reach = 0;
      overflow |= llvm::MulOverflow(size - 1, stride, reach) || llvm::AddOverflow(last, reach, last);
    }
    int64_t end = 0;
    overflow |= llvm::AddOverflow<int64_t>(last, 1, last) || llvm::MulOverflow(last, bytesOf(*element), end) || llvm::AddOverflow(end, box.getOffset(), end);
    if (overflow || end > static_cast<int64_t>(content->getBufferSize()))
      return param.emitError("needs bytes beyond the end of '")
             << box.getFile() << "', which has " << content->getBufferSize()
             << " bytes; the file is cut short or not the one that was imported";
  }
  return success();
}

namespace {

/// Copies what a box and a slice share, dimension by dimension.
template <typename Out> struct BoxCopy {
  Element element;
  SmallVector<int64_t> sizes, sourceStrides, targetStrides; ///< of the shared part; strides in elements

  void run(size_t d, const char *source, Out *target) const {
    const size_t rank = sizes.size();
    if (rank == 0)
      return convertOne(element, source, target);
    if (d + 2 == rank && sourceStrides[d] == 1 && sourceStrides[d + 1] != 1)
      return runTransposed(d, source, target);
    if (d + 1 == rank)
      return runRow(source, target);
    for (int64_t i = 0; i < sizes[d]; ++i)
      run(d + 1, source + i * sourceStrides[d] * bytesOf(element), target + i * targetStrides[d]);
  }

private:
  void runRow(const char *source, Out *target) const {
    const int64_t count = sizes.back(), step = sourceStrides.back() * bytesOf(element);
    if (sourceStrides.back() == 1 || count == 1)
      return convertRow(element, source, count, target);
    for (int64_t i = 0; i < count; ++i)
      convertOne(element, source + i * step, target + i);
  }

  /// The last two dimensions of a matrix that its file has transposed: reads what lies side by side there, a cache
  /// line of every target row at a time.
  void runTransposed(size_t d, const char *source, Out *target) const {
    constexpr int64_t tile = 16;
    const int64_t rows = sizes[d], columns = sizes[d + 1];
    std::vector<Out> line(rows);
    for (int64_t first = 0; first < columns; first += tile)
      for (int64_t c = first; c < std::min(first + tile, columns); ++c) {
        convertRow(element, source + c * sourceStrides[d + 1] * bytesOf(element), rows, line.data());
        for (int64_t row = 0; row < rows; ++row)
          target[row * targetStrides[d] + c] = line[row];
      }
  }
};

} // namespace

template <typename Out>
static void readSlice(const llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> &files, nn::ParamOp param,
                      const ParamSlice &slice, Out *out, int64_t pitch) {
  const size_t rank = slice.size.size();
  SmallVector<int64_t> targetStrides(rank, 1);
  for (size_t d = rank; d-- > 1;)
    targetStrides[d - 1] = d + 1 == rank && pitch ? pitch : targetStrides[d] * slice.size[d];
  for (Attribute attr : param.getBoxes()) {
    auto box = cast<nn::BoxAttr>(attr);
    BoxCopy<Out> copy{*elementOf(box.getType()), {}, SmallVector<int64_t>(box.getStrides()), targetStrides};
    int64_t source = 0, target = 0;
    bool shares = true;
    for (size_t d = 0; d < rank && shares; ++d) {
      const int64_t begin = std::max(box.getAt()[d], slice.begin[d]);
      const int64_t end = std::min(box.getAt()[d] + box.getShape()[d], slice.begin[d] + slice.size[d]);
      shares = begin < end;
      copy.sizes.push_back(end - begin);
      source += (begin - box.getAt()[d]) * box.getStrides()[d];
      target += (begin - slice.begin[d]) * targetStrides[d];
    }
    if (!shares)
      continue;
    const char *data = files.find(box.getFile())->second->getBufferStart();
    copy.run(0, data + box.getOffset() + source * bytesOf(copy.element), out + target);
  }
}

void BoxReader::read(nn::ParamOp param, const ParamSlice &slice, float *out, int64_t pitch) const {
  readSlice(files, param, slice, out, pitch);
}

void BoxReader::readBf16(nn::ParamOp param, const ParamSlice &slice, uint16_t *out, int64_t pitch) const {
  readSlice(files, param, slice, out, pitch);
}

void BoxReader::forgetPages() const {
  // Not MemoryBuffer::dontNeedIfMmap(): it asks with posix_madvise, which glibc ignores.
  for (const auto &file : files)
    if (file.second && file.second->getBufferKind() == llvm::MemoryBuffer::MemoryBuffer_MMap)
      ::madvise(const_cast<char *>(file.second->getBufferStart()), file.second->getBufferSize(), MADV_DONTNEED);
}
