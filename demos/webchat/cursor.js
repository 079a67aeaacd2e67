// Where a room stands, and what each thing that comes means for that.

/** How far a channel has been read. Hand it from one subscription to the next to go on exactly there. */
export class Cursor {
  constructor({ seq = -1, epoch = '', roster = null, token = '' } = {}) {
    this.token = token; // the server's own word for where we are, from lines that have it
    this.seq = seq; // number of the next message wanted; below 1 while no number is known
    this.epoch = epoch; // the life of the channel that the number belongs to
    this.roster = roster; // the last roster number seen; null asks for the whole roster
  }

  /**
   * Takes one message in. fresh: it is news and should be shown. missed: how many messages never came ('some' when
   * nobody knows). restarted: the channel began a new life. fault: what the server should not have done, in words.
   */
  take({ type, seq, content }) {
    const verdict = { fresh: false, missed: 0, restarted: false, fault: '' };
    const known = this.seq > 0;
    switch (type) {
      case 'data':
      case 'broadcast':
        if (!Number.isSafeInteger(seq) || seq < 1) {
          verdict.fault = `a message with the number ${seq}`;
        } else if (known && seq < this.seq) {
          verdict.fault = `number ${seq} came again or late: ${this.seq} is next`;
        } else {
          if (known && seq > this.seq) {
            verdict.missed = seq - this.seq;
            verdict.fault = `number ${seq} came although ${this.seq} is next, and no gap was told`;
          }
          verdict.fresh = true;
          this.seq = seq + 1;
        }
        break;
      case 'next_seq':
        if (known && seq !== this.seq) {
          verdict.fault = `the next number is said to be ${seq}, but ${this.seq} is next`;
          verdict.missed = Math.max(0, seq - this.seq);
        }
        this.seq = seq;
        break;
      case 'gap':
        // An EventSource that comes back with an id from a former life may be told of the loss after the epoch has
        // said so: a gap of unknown size that ends where we are. That is no fault, and nothing new.
        if (known && content !== '' && Number(content) !== seq - this.seq) {
          verdict.fault = `a gap of ${content} from ${this.seq} to ${seq}`;
        } else if (known && seq < this.seq) {
          verdict.fault = `a gap up to ${seq}, but ${this.seq} is next`;
        }
        if (known && seq > this.seq) verdict.missed = Number(content) || 'some';
        this.seq = Math.max(seq, this.seq);
        break;
      case 'epoch':
        if (content === this.epoch) {
          // An EventSource that the browser reconnected asks with the address it was made with.
          if (known && seq !== this.seq) verdict.fault = `same epoch, but ${seq} is said to be next, not ${this.seq}`;
          break;
        }
        verdict.restarted = this.epoch !== '';
        if (verdict.restarted) this.roster = null;
        this.epoch = content;
        this.seq = seq;
        break;
      case 'roster':
        this.roster = seq;
        break;
      case 'join':
      case 'leave':
        // Numbers rise; some are of changes that are not told here.
        if (this.roster !== null && seq <= this.roster) {
          verdict.fault = `${type} ${seq} came after number ${this.roster} of the roster`;
        }
        this.roster = seq;
        break;
    }
    return verdict;
  }
}
