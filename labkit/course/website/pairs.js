// Cuts a question into the words of the index: English words, and the pairs of neighbours in scripts without spaces.
const pairsRun = /RUN/u;
var splitQuery = (query) => {
  const words = [];
  for (const part of query.normalize("NFKC").match(/RUN+|(?:(?!RUN)[\p{Letter}\p{Number}\p{Mark}_\p{Emoji_Presentation}])+/gu) || []) {
    if (!pairsRun.test(part)) words.push(part);
    else if ([...part].length === 1) words.push(part);
    else [...part].slice(1).forEach((character, at) => words.push([...part][at] + character));
  }
  return words;
};
