#include "io/picture.h"

#include "base/memory.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* these want stdio.h and setjmp.h before them */
#include <jerror.h>
#include <jpeglib.h>

enum { RGB = 3, FOUR = 4, HEAD = 8 };

/* A progressive JPEG of a few bytes can ask for scans without end. */
enum { SCANS_MAX = 200 };

/* No byte of a file tells more: deflate packs at most 1032 to 1, and 8 pixels fit a byte. */
enum { PIXELS_A_BYTE = 8256 };

typedef enum { NO_PICTURE, PNG, JPEG } picture_kind;

static picture_kind kind_of(const unsigned char *bytes, size_t n) {
  static const unsigned char png[HEAD] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  static const unsigned char jpeg[] = {0xff, 0xd8, 0xff};
  if (n >= sizeof png && memcmp(bytes, png, sizeof png) == 0) return PNG;
  if (n >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0) return JPEG;
  return NO_PICTURE;
}

bool gan_picture_is(const void *bytes, size_t n) {
  return kind_of(bytes, n) != NO_PICTURE;
}

/* Memory for the pixels that the header of a file of `n` bytes claims; `c` bytes each. */
static gan_status take_pixels(gan_picture *picture, size_t n, int64_t w, int64_t h, int64_t c) {
  if (w < 1 || h < 1 || w > GAN_PICTURE_PIXELS_MAX / h)
    return gan_fail(GAN_INPUT, "has %lld x %lld pixels; allowed are 1 to %d", (long long)w,
                    (long long)h, GAN_PICTURE_PIXELS_MAX);
  if ((uint64_t)(w * h) > (uint64_t)n * PIXELS_A_BYTE)
    return gan_fail(GAN_INPUT, "has %lld x %lld pixels, which %zu bytes cannot hold", (long long)w,
                    (long long)h, n);
  picture->w = w;
  picture->h = h;
  picture->c = c;
  GAN_TRY_ALLOC(picture->pixels, w * h * c, "a picture");
  return GAN_OK;
}

/* Four numbers a pixel become three, in place: what is left of a colour by its opacity, over black;
 * or of CMYK by its key, in the inverted form of Adobe's programs, which everyone writes. */
static void multiply_by_fourth(gan_picture *picture) {
  for (int64_t i = 0; i < picture->w * picture->h; i++) {
    const uint8_t *from = picture->pixels + FOUR * i;
    uint8_t *to = picture->pixels + RGB * i;
    int fourth = from[RGB];
    for (int k = 0; k < RGB; k++) to[k] = (uint8_t)((from[k] * fourth + 127) / 255);
  }
  picture->c = RGB;
}

/* ---- PNG ---- */

/* Not by libpng's simplified API, which gets 16 bits interlaced wrong in some releases. */
typedef struct {
  png_structp library;
  png_infop info;
  jmp_buf escape;
  const unsigned char *bytes;
  size_t n, at;
  gan_picture *out;
  gan_status status; /* ours, or GAN_INPUT with libpng's message */
} png_reader;

static void escape_png(png_structp library, png_const_charp message) {
  png_reader *reader = png_get_error_ptr(library);
  reader->status = gan_fail(GAN_INPUT, "libpng: %s", message);
  longjmp(reader->escape, 1);
}

static void pass_over(png_structp library, png_const_charp message) {
  (void)library, (void)message;
}

static void give_bytes(png_structp library, png_bytep to, size_t n) {
  png_reader *reader = png_get_io_ptr(library);
  if (n > reader->n - reader->at) png_error(library, "the file ends too soon");
  memcpy(to, reader->bytes + reader->at, n);
  reader->at += n;
}

static void read_png(png_reader *reader) {
  png_structp library = reader->library;
  png_set_read_fn(library, reader, give_bytes);
  png_read_info(library, reader->info);
  int64_t w = png_get_image_width(library, reader->info);
  int64_t h = png_get_image_height(library, reader->info);
  reader->status = take_pixels(reader->out, reader->n, w, h, FOUR);
  if (reader->status != GAN_OK) return;
  png_set_scale_16(library);
  png_set_expand(library);
  png_set_gray_to_rgb(library);
  png_set_add_alpha(library, UINT8_MAX, PNG_FILLER_AFTER);
  int passes = png_set_interlace_handling(library);
  png_read_update_info(library, reader->info);
  GAN_ASSERT(png_get_rowbytes(library, reader->info) == (size_t)(w * FOUR));
  for (int pass = 0; pass < passes; pass++)
    for (int64_t y = 0; y < h; y++) png_read_row(library, reader->out->pixels + y * w * FOUR, NULL);
  png_read_end(library, NULL);
  multiply_by_fourth(reader->out);
}

/* Nothing of this function changes behind setjmp. */
static gan_status try_png(png_reader *reader) {
  if (setjmp(reader->escape) == 0) read_png(reader);
  return reader->status;
}

static gan_status decode_png(const void *bytes, size_t n, gan_picture *out) {
  png_reader reader = {.bytes = bytes, .n = n, .out = out};
  gan_status status = GAN_NO_MEMORY;
  reader.library = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, escape_png, pass_over);
  if (reader.library) reader.info = png_create_info_struct(reader.library);
  if (reader.info)
    status = try_png(&reader);
  else
    status = gan_fail(status, "no memory for libpng");
  png_destroy_read_struct(&reader.library, &reader.info, NULL);
  return status;
}

/* ---- JPEG ---- */

typedef struct {
  struct jpeg_decompress_struct library;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  gan_picture *out;
  gan_status status; /* ours, or GAN_INPUT with libjpeg's message */
} jpeg_reader;

static void escape_jpeg(j_common_ptr library) {
  jpeg_reader *reader = library->client_data;
  char text[JMSG_LENGTH_MAX];
  library->err->format_message(library, text);
  reader->status = gan_fail(GAN_INPUT, "libjpeg: %s", text);
  longjmp(reader->escape, 1);
}

/* What libjpeg only warns of and fills with grey is damage too, but for what does no harm. */
static void take_message(j_common_ptr library, int level) {
  int code = library->err->msg_code;
  if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
      code == JWRN_JFIF_MAJOR)
    return;
  escape_jpeg(library);
}

static void watch_scans(j_common_ptr library) {
  jpeg_reader *reader = library->client_data;
  if (reader->library.input_scan_number <= SCANS_MAX) return;
  reader->status = gan_fail(GAN_INPUT, "has more than %d scans", SCANS_MAX);
  longjmp(reader->escape, 1);
}

static void read_jpeg(jpeg_reader *reader, const void *bytes, size_t n) {
  struct jpeg_decompress_struct *library = &reader->library;
  jpeg_create_decompress(library);
  library->client_data = reader;
  library->progress = &reader->progress;
  jpeg_mem_src(library, bytes, n);
  jpeg_read_header(library, TRUE);
  bool cmyk = library->jpeg_color_space == JCS_CMYK || library->jpeg_color_space == JCS_YCCK;
  int64_t c = cmyk ? FOUR : RGB;
  reader->status = take_pixels(reader->out, n, library->image_width, library->image_height, c);
  if (reader->status != GAN_OK) return;
  library->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  library->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(library);
  while (library->output_scanline < library->output_height) {
    JSAMPROW row =
        reader->out->pixels + (size_t)library->output_scanline * library->output_width * (size_t)c;
    jpeg_read_scanlines(library, &row, 1);
  }
  jpeg_finish_decompress(library);
  if (cmyk) multiply_by_fourth(reader->out);
}

static gan_status try_jpeg(jpeg_reader *reader, const void *bytes, size_t n) {
  if (setjmp(reader->escape) == 0) read_jpeg(reader, bytes, n);
  return reader->status;
}

static gan_status decode_jpeg(const void *bytes, size_t n, gan_picture *out) {
  jpeg_reader reader = {.out = out};
  reader.library.err = jpeg_std_error(&reader.errors);
  reader.library.client_data = &reader;
  reader.errors.error_exit = escape_jpeg;
  reader.errors.emit_message = take_message;
  reader.progress.progress_monitor = watch_scans;
  gan_status status = try_jpeg(&reader, bytes, n);
  jpeg_destroy_decompress(&reader.library);
  return status;
}

/* ---- both ---- */

/* In place, with weights in 65536ths. */
static void to_luma(gan_picture *picture) {
  for (int64_t i = 0; i < picture->w * picture->h; i++) {
    const uint8_t *from = picture->pixels + RGB * i;
    uint32_t sum = from[0] * 19595u + from[1] * 38470u + from[2] * 7471u + 32768u;
    picture->pixels[i] = (uint8_t)(sum >> 16);
  }
  picture->c = 1;
}

gan_status gan_picture_decode(const void *bytes, size_t n, int64_t channels, gan_picture *out) {
  GAN_ASSERT(channels == 1 || channels == RGB);
  *out = (gan_picture){0};
  gan_status status;
  switch (kind_of(bytes, n)) {
  case PNG:
    status = decode_png(bytes, n, out);
    break;
  case JPEG:
    status = decode_jpeg(bytes, n, out);
    break;
  default:
    status = gan_fail(GAN_INPUT, "is neither PNG nor JPEG");
  }
  if (status != GAN_OK)
    gan_picture_free(out);
  else if (channels == 1)
    to_luma(out);
  return status;
}

static gan_status begins_like_one(const char *path, bool *does) {
  unsigned char head[HEAD];
  struct stat info;
  int fd = gan_fd_open(path, O_RDONLY | O_NONBLOCK);
  *does = false;
  if (fd < 0) return gan_fail(GAN_INPUT, "%s: cannot open: %s", path, strerror(errno));
  bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  ssize_t got = regular ? read(fd, head, sizeof head) : 0;
  close(fd);
  *does = got > 0 && gan_picture_is(head, (size_t)got);
  return GAN_OK;
}

gan_status gan_picture_read(const char *path, int64_t channels, bool *is_picture,
                            gan_picture *out) {
  char *bytes;
  size_t n;
  uint64_t size;
  *out = (gan_picture){0};
  GAN_TRY(begins_like_one(path, is_picture));
  if (!*is_picture) return GAN_OK;
  GAN_TRY(gan_file_size(path, &size));
  if (size > GAN_PICTURE_BYTES_MAX)
    return gan_fail(GAN_INPUT, "%s: has %llu bytes; pictures of up to %d are read", path,
                    (unsigned long long)size, GAN_PICTURE_BYTES_MAX);
  GAN_TRY(gan_file_read(path, &bytes, &n));
  gan_status status = gan_picture_decode(bytes, n, channels, out);
  if (status == GAN_INPUT) status = gan_fail_context(status, "%s", path);
  gan_free(&bytes);
  return status;
}

void gan_picture_free(gan_picture *picture) {
  gan_free(&picture->pixels);
  *picture = (gan_picture){0};
}
