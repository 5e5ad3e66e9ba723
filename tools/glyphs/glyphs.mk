# The glyph image tool; needs FreeType's headers (libfreetype-dev). Not part of the default build.
GLYPHS_SRC := $(wildcard tools/glyphs/*.c)
build/tools/glyphs: $(GLYPHS_SRC) $(wildcard tools/glyphs/*.h)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -D_DEFAULT_SOURCE $(shell pkg-config --cflags freetype2) -o $@ $(GLYPHS_SRC) \
		$(shell pkg-config --libs freetype2)
